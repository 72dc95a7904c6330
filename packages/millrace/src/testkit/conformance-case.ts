/** One thing that a connector must do. A test runner turns each into a test of its own. */
export interface ConformanceCase {
  /** States the behaviour. */
  readonly name: string;
  /** Rejects when the connector does not behave so. */
  run(): Promise<void>;
}

/** Makes a case. */
export function conformanceCase(name: string, run: () => Promise<void>): ConformanceCase {
  return { name, run };
}
