/** Aurora DSQL on this machine. */
export { startDsqlLocal, type DsqlLocal } from "./cluster.ts";
export type { DsqlLocalOptions } from "./options.ts";
export type { Control } from "./control/control.ts";
export type { Counters } from "./control/counters.ts";
export type { Fault } from "./control/faults.ts";
export type { LoggedStatement } from "./control/statement-log.ts";
