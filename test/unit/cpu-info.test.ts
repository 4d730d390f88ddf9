import test from 'ava';
import { cpuInfo } from 'octensor/gemm';
import { tryAddon } from '#lib/addon.js';
import { selectIsa } from '#lib/cpu-info.js';
import { throwsCode } from '../support/throws.js';

test('cpuInfo lists what is supported, best first, and what is selected', (t) => {
  const { isa, selected, cores } = cpuInfo();
  t.is(isa.at(-1), 'scalar');
  t.true(isa.includes(selected));
  t.true(Number.isInteger(cores) && cores >= 1);
  t.deepEqual(isa, tryAddon()?.isas ?? ['scalar']);
});

test('a forced instruction set is taken or refused, never replaced', (t) => {
  const machine = { isas: ['avx2', 'scalar'] } as never;
  t.is(selectIsa(machine, 'scalar'), 'scalar');
  t.is(selectIsa(machine, 'avx2'), 'avx2');
  throwsCode(t, () => selectIsa(machine, 'avx512'), 'ERR_NATIVE', 'avx512 is not supported here', 'avx2, scalar');
  throwsCode(t, () => selectIsa(machine, 'mmx' as never), 'ERR_OPTION', 'isa:', '"mmx"');
});
