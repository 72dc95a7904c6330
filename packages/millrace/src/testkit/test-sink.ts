import type { ConformanceCase } from "./conformance-case.ts";
import { conformanceCase } from "./conformance-case.ts";
import { onBench } from "./sink-bench.ts";
import { fenceCases, transactionCases } from "./sink-fence-cases.ts";
import type { SinkKit } from "./sink-kit.ts";
import { kitContext } from "./sink-kit.ts";
import { schemaCases } from "./sink-schema-cases.ts";
import { valueCases, writeCases } from "./sink-write-cases.ts";

/**
 * Everything that a sink must do to keep the invariants, as cases for any test runner:
 *
 *     for (const { name, run } of testSink(kit)) it(name, run);
 *
 * Which cases there are depends on the sink's capabilities alone, never on its kind.
 */
export function testSink(kit: SinkKit): readonly ConformanceCase[] {
  const { capabilities } = kit.makeSink(kitContext("capabilities"));
  return [
    ...fenceCases(),
    ...valueCases(),
    ...schemaCases(capabilities),
    ...(capabilities.transactional ? transactionCases(kit, capabilities) : []),
    ...(capabilities.lastWriteWins ? writeCases() : []),
  ].map(([name, run]) => conformanceCase(name, () => onBench(kit, run)));
}
