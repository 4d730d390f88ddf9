/** Small damage to protocol buffers, along their fields: names, counts, types, lists, whole messages. Seeded. */

import type { Random } from '../support/random.js';
import { mutateBytes } from './mutate.js';

/** A field of a message, or an element of a list, and what it is. */
interface Site {
  readonly holder: Record<string | number, unknown>;
  readonly key: string | number;
  /** Of the field, also where this is an element of it. */
  readonly field: string;
}

interface Found {
  readonly sites: Site[];
  readonly texts: string[];
  /** Messages by type: one may stand where another one of its type does. */
  readonly messages: Map<string, object[]>;
}

const integers = [0n, 1n, 2n, 3n, 4n, 7n, -1n, -2n, 64n, 255n, 65536n, 2n ** 20n, 2n ** 31n - 1n, 2n ** 31n, -(2n ** 31n)];
const extremes = [...integers, ...integers, 2n ** 40n, 2n ** 53n, 2n ** 63n - 1n, -(2n ** 63n)];
const reals = [0, 1, 0.5, -1, 2, 1e-30, 1e30, 255, 3e38, Infinity, -Infinity, NaN];
const realFields: ReadonlySet<string> = new Set(['f', 'floats', 'floatData', 'doubleData']);
/** Any element of these is as good as another; lists of hundreds would hide what else there is. */
const maxElements = 8;

/** Some damage; the message is changed in place. */
export function mutateMessage(random: Random, message: object): void {
  for (let count = random.integer(1, 3); count > 0; count--) {
    const found: Found = { sites: [], texts: [], messages: new Map() };
    collect(message, found);
    if (found.sites.length > 0) mutateSite(random, random.pick(found.sites), found);
  }
}

function collect(message: object, found: Found): void {
  const type = (message as { readonly $typeName?: string }).$typeName;
  if (type !== undefined) found.messages.set(type, [...(found.messages.get(type) ?? []), message]);
  for (const [key, value] of Object.entries(message)) {
    if (key.startsWith('$') || value === undefined || key === 'docString') continue;
    found.sites.push({ holder: message as Site['holder'], key, field: key });
    if (Array.isArray(value)) {
      for (const [i, element] of value.slice(0, maxElements * 4).entries()) {
        if (i < maxElements) found.sites.push({ holder: value as unknown as Site['holder'], key: i, field: key });
        if (isMessage(element)) collect(element, found);
        else if (typeof element === 'string') found.texts.push(element);
      }
    } else if (isMessage(value)) collect(value, found);
    else if (typeof value === 'string') found.texts.push(value);
  }
}

function isMessage(value: unknown): value is object {
  return typeof value === 'object' && value !== null && !ArrayBuffer.isView(value);
}

function mutateSite(random: Random, { holder, key, field }: Site, { texts, messages }: Found): void {
  const value = holder[key];
  if (typeof value === 'string') holder[key] = random.pick([...texts, ...texts, '', 'other', `${value}#1`]);
  else if (typeof value === 'bigint') holder[key] = near(random, value);
  else if (typeof value === 'boolean') holder[key] = !value;
  else if (typeof value === 'number') {
    // Others are of 32 bits, most of them enumerations
    holder[key] = realFields.has(field) ? random.pick(reals) : random.integer(-1, 17);
  } else if (value instanceof Uint8Array) holder[key] = value.length < 8 ? damaged(random, value) : mutateBytes(random, value);
  else if (Array.isArray(value)) mutateList(random, value, texts, messages);
  else if (isMessage(value)) {
    const others = messages.get((value as { readonly $typeName?: string }).$typeName ?? '') ?? [];
    if (others.length > 1 && random.integer(0, 3) > 0) holder[key] = structuredClone(random.pick(others));
    else if (typeof key === 'string' && 'case' in value) holder[key] = { case: undefined };
    else if (typeof key === 'string') holder[key] = undefined;
  }
}

function near(random: Random, value: bigint): bigint {
  const changed = random.integer(0, 2) === 0 ? value + BigInt(random.integer(-2, 2)) : random.pick(extremes);
  return BigInt.asIntN(64, changed);
}

function damaged(random: Random, bytes: Uint8Array): Uint8Array {
  return Uint8Array.from(bytes, (byte) => (random.integer(0, 1) ? byte : random.integer(0, 255)));
}

function mutateList(random: Random, list: unknown[], texts: readonly string[], messages: Found['messages']): void {
  const [at, to] = [random.integer(0, Math.max(0, list.length - 1)), random.integer(0, Math.max(0, list.length - 1))];
  const element = list[at];
  switch (random.integer(0, 3)) {
    case 0:
      list.splice(at, 1);
      break;
    case 1:
      if (list.length > 0) [list[at], list[to]] = [list[to], list[at]];
      break;
    case 2:
      if (list.length > 0) list.splice(to, 0, isMessage(element) ? structuredClone(element) : element);
      break;
    default:
      if (typeof element === 'bigint') list.splice(at, 0, random.pick(extremes));
      else if (typeof element === 'string') list.splice(at, 0, random.pick(texts));
      else if (isMessage(element)) {
        const type = (element as { readonly $typeName?: string }).$typeName ?? '';
        list.splice(at, 0, structuredClone(random.pick(messages.get(type) ?? [element])));
      }
  }
}
