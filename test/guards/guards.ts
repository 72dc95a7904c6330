import { BARRIER_GUARDS } from "./barrier-guards.ts";
import { DYNAMODB_DISCOVERY_GUARDS } from "./dynamodb-discovery-guards.ts";
import { DYNAMODB_GUARDS } from "./dynamodb-guards.ts";
import type { Guard } from "./guard.ts";
import { KAFKA_GUARDS } from "./kafka-guards.ts";
import { KAFKA_SOURCE_GUARDS } from "./kafka-source-guards.ts";
import { KEY_GUARDS } from "./key-guards.ts";
import { KIT_GUARDS } from "./kit-guards.ts";
import { LANE_GUARDS } from "./lane-guards.ts";
import { LEFT_OUT_GUARDS } from "./left-out-guards.ts";
import { LIFE_GUARDS } from "./life-guards.ts";
import { LOAD_GUARDS } from "./load-guards.ts";
import { MYSQL_GUARDS } from "./mysql-guards.ts";
import { NAMED_GUARDS, NAMED_SERVER_GUARDS } from "./named-guards.ts";
import { PROCESS_GUARDS } from "./process-guards.ts";
import { PROMISE_GUARDS } from "./promise-guards.ts";
import { PROTECTION_GUARDS } from "./protection-guards.ts";
import { PUT_OFF_GUARDS } from "./put-off-guards.ts";
import { SCHEMA_GUARDS } from "./schema-guards.ts";
import { SERVER_GUARDS } from "./server-guards.ts";
import { STANDBY_GUARDS } from "./standby-guards.ts";
import { STANDING_GUARDS } from "./standing-guards.ts";
import { TABLE_GUARDS } from "./table-guards.ts";
import { TOLD_GUARDS } from "./told-guards.ts";
import { WHOLE_GUARDS } from "./whole-guards.ts";
import { WIRE_GUARDS } from "./wire-guards.ts";

/** Every guard of the project; `npm run guards` takes each away and looks whether somebody misses it. */
export const GUARDS: readonly Guard[] = [
  ...LANE_GUARDS,
  ...KEY_GUARDS,
  ...LOAD_GUARDS,
  ...LIFE_GUARDS,
  ...PUT_OFF_GUARDS,
  ...SCHEMA_GUARDS,
  ...LEFT_OUT_GUARDS,
  ...BARRIER_GUARDS,
  ...SERVER_GUARDS,
  ...STANDBY_GUARDS,
  ...STANDING_GUARDS,
  ...TABLE_GUARDS,
  ...MYSQL_GUARDS,
  ...KAFKA_GUARDS,
  ...KAFKA_SOURCE_GUARDS,
  ...DYNAMODB_GUARDS,
  ...DYNAMODB_DISCOVERY_GUARDS,
  ...TOLD_GUARDS,
  ...WIRE_GUARDS,
  ...PROTECTION_GUARDS,
  ...PROMISE_GUARDS,
  ...NAMED_GUARDS,
  ...NAMED_SERVER_GUARDS,
  ...KIT_GUARDS,
  ...WHOLE_GUARDS,
  ...PROCESS_GUARDS,
];
