/** Makes Jasmine's functions global, before any test file of tfjs-core is read. */
import { createRequire } from 'node:module';
import type { Jasmine } from './report.js';

interface JasmineFactory {
  core(factory: JasmineFactory): Jasmine;
  interface(jasmine: Jasmine, environment: unknown): object;
}

const factory = createRequire(import.meta.url)('jasmine-core/lib/jasmine-core/jasmine.js') as JasmineFactory;
const jasmine = factory.core(factory);
const environment = jasmine.getEnv({ suppressLoadErrors: true });
Object.assign(globalThis, factory.interface(jasmine, environment), { jasmine });
environment.configure({ random: false });
