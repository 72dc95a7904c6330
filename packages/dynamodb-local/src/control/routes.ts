/** The routes of the control port: what they take, what they do, and what the OpenAPI document says of them. */
import {
  choiceSchema,
  faultSchema,
  isChoice,
  isFault,
  isRole,
  isShift,
  roleSchema,
  shiftSchema,
} from "./bodies.ts";
import type { Control } from "./control.ts";
import { problemWith, type Schema } from "./schema.ts";

/** What a route answers. */
export interface Reply {
  readonly status: number;
  readonly body: unknown;
}

/** One route. */
export interface Route {
  readonly method: "GET" | "POST" | "DELETE" | "PUT";
  /** `{name}` takes a part of the path. */
  readonly path: string;
  readonly summary: string;
  readonly body?: Schema;
  answer(control: Control, request: RouteRequest): Reply | Promise<Reply>;
}

/** What was asked of a route. */
export interface RouteRequest {
  readonly body: unknown;
  /** The part of the path that `{…}` took. */
  readonly part: string;
}

const done: Reply = { status: 200, body: {} };
const ok = (body: unknown): Reply => ({ status: 200, body });

function wrongBody(body: unknown, schema: Schema): Reply {
  return { status: 400, body: { error: problemWith(body, schema) ?? "" } };
}

/** All of them; `GET /openapi.json` is answered beside. */
export const routes: readonly Route[] = [
  {
    method: "GET",
    path: "/health",
    summary: "Whether it is ready, and its time",
    answer: (control) => ok({ ready: true, now: new Date(control.nowMs()).toISOString() }),
  },
  {
    method: "POST",
    path: "/faults",
    summary: "Switches a fault on; answers its id",
    body: faultSchema,
    answer: (control, { body }) =>
      isFault(body)
        ? { status: 201, body: { id: control.inject(body) } }
        : wrongBody(body, faultSchema),
  },
  {
    method: "GET",
    path: "/faults",
    summary: "The faults that are on, and how often each struck",
    answer: (control) => ok(control.faults()),
  },
  {
    method: "DELETE",
    path: "/faults",
    summary: "Switches all faults off",
    answer: (control) => (control.clearFaults(), done),
  },
  {
    method: "DELETE",
    path: "/faults/{id}",
    summary: "Switches one fault off",
    answer: (control, { part }) => (control.clearFaults(Number(part)), done),
  },
  {
    method: "POST",
    path: "/clock",
    summary:
      "Moves the clock: shards roll over, records are trimmed, iterators and sessions expire",
    body: shiftSchema,
    answer: (control, { body }) => {
      if (!isShift(body)) return wrongBody(body, shiftSchema);
      control.shiftClock(body.shiftMs);
      return ok({ now: new Date(control.nowMs()).toISOString() });
    },
  },
  {
    method: "POST",
    path: "/streams/rotate",
    summary: "Closes open shards, each with one child; answers the children",
    body: choiceSchema,
    answer: (control, { body }) =>
      isChoice(body) ? ok({ shardIds: control.rotate(body) }) : wrongBody(body, choiceSchema),
  },
  {
    method: "POST",
    path: "/streams/split",
    summary: "Closes open shards, each with two children; answers the children",
    body: choiceSchema,
    answer: (control, { body }) =>
      isChoice(body) ? ok({ shardIds: control.split(body) }) : wrongBody(body, choiceSchema),
  },
  {
    method: "GET",
    path: "/streams/{table}",
    summary: "The shards of a table's stream as they really are",
    answer: (control, { part }) => ok({ shards: control.shards({ table: part }) }),
  },
  {
    method: "POST",
    path: "/ttl/sweep",
    summary: "Deletes items whose time is over; answers how many",
    answer: async (control) => ok({ deleted: await control.sweepExpired() }),
  },
  {
    method: "PUT",
    path: "/roles",
    summary: "Makes a role known, with a trust of its own",
    body: roleSchema,
    answer: (control, { body }) => {
      if (!isRole(body)) return wrongBody(body, roleSchema);
      control.putRole(body);
      return done;
    },
  },
  {
    method: "GET",
    path: "/counters",
    summary: "Calls by action and refusals by exception",
    answer: (control) => ok(control.counters()),
  },
  {
    method: "GET",
    path: "/calls",
    summary: "The last thousand calls, oldest first; no keys of items, no values",
    answer: (control) => ok(control.calls()),
  },
  {
    method: "POST",
    path: "/reset",
    summary: "Empties everything and sets the clock back to the machine's",
    answer: (control) => (control.reset(), done),
  },
];
