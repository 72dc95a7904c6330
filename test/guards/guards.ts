import { BARRIER_GUARDS } from "./barrier-guards.ts";
import type { Guard } from "./guard.ts";
import { KEY_GUARDS } from "./key-guards.ts";
import { LANE_GUARDS } from "./lane-guards.ts";
import { LEFT_OUT_GUARDS } from "./left-out-guards.ts";
import { LIFE_GUARDS } from "./life-guards.ts";
import { LOAD_GUARDS } from "./load-guards.ts";
import { MYSQL_GUARDS } from "./mysql-guards.ts";
import { PROMISE_GUARDS } from "./promise-guards.ts";
import { PROTECTION_GUARDS } from "./protection-guards.ts";
import { SCHEMA_GUARDS } from "./schema-guards.ts";
import { SERVER_GUARDS } from "./server-guards.ts";
import { STANDBY_GUARDS } from "./standby-guards.ts";
import { TABLE_GUARDS } from "./table-guards.ts";
import { WIRE_GUARDS } from "./wire-guards.ts";

/** Every guard of the project; `npm run guards` takes each away and looks whether somebody misses it. */
export const GUARDS: readonly Guard[] = [
  ...LANE_GUARDS,
  ...KEY_GUARDS,
  ...LOAD_GUARDS,
  ...LIFE_GUARDS,
  ...SCHEMA_GUARDS,
  ...LEFT_OUT_GUARDS,
  ...BARRIER_GUARDS,
  ...SERVER_GUARDS,
  ...STANDBY_GUARDS,
  ...TABLE_GUARDS,
  ...MYSQL_GUARDS,
  ...WIRE_GUARDS,
  ...PROTECTION_GUARDS,
  ...PROMISE_GUARDS,
];
