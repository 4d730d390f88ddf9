/**
 * ErfGelu: x · (erf(x / √2) + 1) · ½ as exporters write it down, in five operators, each of which rounds to float32. Gelu rounds
 * once. `form`: whether x is divided by √2 or multiplied by its reciprocal.
 */
import { caseGraph } from './cases.js';
import { inferUnary, mapUnary, type Unary } from './elementwise.js';
import { erf } from './erf.js';
import { defineOp } from './op.js';

export const erfGeluForms = ['divided', 'multiplied'] as const;
export type ErfGeluForm = (typeof erfGeluForms)[number];

export interface ErfGeluAttributes {
  readonly form: ErfGeluForm;
}

/** What x is divided or multiplied by. */
export const erfGeluFactors: Readonly<Record<ErfGeluForm, number>> = {
  divided: Math.fround(Math.SQRT2),
  multiplied: Math.fround(Math.SQRT1_2),
};

export function erfGeluOf(form: ErfGeluForm): Unary {
  const { fround } = Math;
  const factor = erfGeluFactors[form];
  return (x) => {
    const scaled = fround(form === 'divided' ? x / factor : x * factor);
    return fround(fround(x * fround(fround(erf(scaled)) + 1)) * 0.5);
  };
}

export const erfGelu = defineOp<ErfGeluAttributes>({
  name: 'ErfGelu',
  inputs: [1, 1],
  outputs: [1, 1],
  parse: (attributes) => ({ form: attributes.oneOf('form', erfGeluForms, 'divided') }),
  infer: (context) => inferUnary(context, ['float32']),
  run: (context) => mapUnary(context, erfGeluOf(context.attributes.form)),
  *cases() {
    for (const form of erfGeluForms) {
      for (const dims of [[60], [2, 3, 4], []]) {
        const x = { type: 'float32', dims } as const;
        yield caseGraph({ op: 'ErfGelu', attributes: { form }, inputs: [x], outputs: [x] });
      }
    }
  },
});
