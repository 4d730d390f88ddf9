/** Runs what the test files have described, and prints one line of JSON: a Report. */

export interface Jasmine {
  getEnv(options?: object): {
    configure(options: object): void;
    addReporter(reporter: object): void;
    execute(): unknown;
  };
}

/** By backend, "other" for tests of none; failures are full names and messages. */
export interface Report {
  readonly passed: Readonly<Record<string, number>>;
  readonly failed: readonly { readonly backend: string; readonly name: string; readonly message: string }[];
}

interface Result {
  readonly fullName: string;
  readonly status: string;
  readonly failedExpectations: readonly { readonly message: string }[];
}

/** describeWithFlags adds the backend's name and its flags to that of a suite; of nested suites the inner one decides. */
function backendOf(name: string): string {
  return /.* (cpu|octensor) \{\}/.exec(name)?.[1] ?? 'other';
}

const passed: Record<string, number> = {};
const failed: { backend: string; name: string; message: string }[] = [];

function collect({ fullName, failedExpectations }: Result): void {
  for (const { message } of failedExpectations) failed.push({ backend: backendOf(fullName), name: fullName, message });
}

const environment = (globalThis as unknown as { jasmine: Jasmine }).jasmine.getEnv();
environment.addReporter({
  specDone(result: Result): void {
    collect(result);
    const backend = backendOf(result.fullName);
    if (result.status === 'passed') passed[backend] = (passed[backend] ?? 0) + 1;
  },
  suiteDone: collect,
  jasmineDone(): void {
    process.stdout.write(`\n${JSON.stringify({ passed, failed } satisfies Report)}\n`, () => process.exit(0));
  },
});
environment.execute();
