/** Aurora DSQL on this machine. */
export { startDsqlLocal, type DsqlLocal } from "./cluster.ts";
export type { DsqlLocalOptions } from "./options.ts";
