/** Which instruction set is used: the machine's best, unless the caller or the environment asks for another. */
import { availableParallelism } from 'node:os';
import { type Addon, tryAddon } from './addon.js';
import { invalid, OctensorError } from './errors.js';
import { type Isa, isas } from './isa.js';

export interface CpuInfo {
  /** What this machine and this build support, best first. */
  readonly isa: readonly Isa[];
  /** What is used unless a call says otherwise. */
  readonly selected: Isa;
  /** Cores that this process may use. */
  readonly cores: number;
}

/** Without a native addon all is scalar. Throws as `selectIsa` does where the environment variable OCTENSOR_ISA is wrong. */
export function cpuInfo(): CpuInfo {
  const addon = tryAddon();
  if (addon !== undefined) return { isa: [...addon.isas], selected: selectIsa(addon), cores: addon.cores };
  isaOfEnvironment();
  return { isa: ['scalar'], selected: 'scalar', cores: availableParallelism() };
}

/**
 * `isa` before OCTENSOR_ISA before the best. Throws ERR_OPTION for an unknown name, ERR_NATIVE for one that this machine
 * lacks.
 */
export function selectIsa(addon: Addon, isa?: Isa): Isa {
  if (isa !== undefined) return supported(checkIsa('isa', isa), addon.isas);
  const wanted = isaOfEnvironment();
  return wanted === undefined ? addon.isas[0]! : supported(wanted, addon.isas);
}

/** OCTENSOR_ISA, checked; undefined where it is unset or empty. */
export function isaOfEnvironment(): Isa | undefined {
  const { OCTENSOR_ISA } = process.env;
  return OCTENSOR_ISA ? checkIsa('OCTENSOR_ISA', OCTENSOR_ISA) : undefined;
}

export function checkIsa(name: string, isa: string): Isa {
  if (!(isas as readonly string[]).includes(isa)) throw invalid('ERR_OPTION', name, `one of ${isas.join(', ')}`, isa);
  return isa as Isa;
}

function supported(isa: Isa, available: readonly Isa[]): Isa {
  if (available.includes(isa)) return isa;
  throw new OctensorError(
    'ERR_NATIVE',
    `isa: ${isa} is not supported here; this machine and this build have ${available.join(', ')}`,
  );
}
