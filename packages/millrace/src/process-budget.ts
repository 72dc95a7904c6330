import { ByteBudget } from "./pipeline/byte-budget.ts";

let shared: ByteBudget | null = null;

/**
 * The budget that all pipelines of this process share (I10). The first pipeline sets its size; whoever starts several
 * and wants the largest of their wishes makes a budget and hands it to `loadPipeline`.
 */
export function processBudget(limitBytes: number): ByteBudget {
  shared ??= new ByteBudget(limitBytes);
  return shared;
}
