import type { ConformanceCase } from "./conformance-case.ts";
import { conformanceCase } from "./conformance-case.ts";
import { changeCases } from "./source-change-cases.ts";
import { onSourceBench } from "./source-bench.ts";
import type { SourceKit } from "./source-kit.ts";
import { logCases } from "./source-log-cases.ts";
import { snapshotCases } from "./source-snapshot-cases.ts";

/**
 * Everything that a source must do to keep the invariants, as cases for any test runner:
 *
 *     for (const { name, run } of testSource(kit)) it(name, run);
 */
export function testSource(kit: SourceKit): readonly ConformanceCase[] {
  return [...logCases(kit), ...changeCases(), ...snapshotCases()].map(([name, run]) =>
    conformanceCase(name, () => onSourceBench(kit, run)),
  );
}
