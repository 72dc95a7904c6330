import { BaseSequencer, type TestSpecification } from "vitest/node";

/** Files of a few lines that take a minute or two: vitest, which on a fresh checkout knows sizes only, would keep them for last. */
const LONG = /\/(kill-\w+\.e2e|package\.e2e|simulation)\.test\.ts$/;

/** Begins with what takes longest, so that no worker is alone with it at the end. */
export class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const sorted = await super.sort(files);
    const isLong = ({ moduleId }: TestSpecification): boolean => LONG.test(moduleId);
    return [...sorted.filter(isLong), ...sorted.filter((file) => !isLong(file))];
  }
}
