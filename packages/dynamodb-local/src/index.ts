/** DynamoDB, its Streams, the search by tags and STS, on this machine. */
export { startDynamodbLocal, type DynamodbLocal } from "./local.ts";
export type { Credential, DynamodbLocalOptions } from "./options.ts";
export type { Control, ShardState, StreamChoice } from "./control/control.ts";
export type { Counters, LoggedCall } from "./control/counters.ts";
export type { ActiveFault, Fault } from "./control/faults.ts";
export type { Role } from "./sts/roles.ts";
