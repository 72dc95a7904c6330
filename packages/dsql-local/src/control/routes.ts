/** The routes of the control port in one table, from which its OpenAPI document is made as well. */
import type { Control } from "./control.ts";
import { openApi } from "./open-api.ts";
import {
  readDelays,
  readFault,
  readLimits,
  readMost,
  readShift,
  readThroughput,
} from "./read-fault.ts";
import * as schemas from "./schemas.ts";

/** What a route answers. */
export interface Reply {
  readonly status: number;
  readonly body: unknown;
}

/** What a route is called with. */
interface Call {
  readonly body: unknown;
  readonly id: number;
}

/** One route. */
export interface Route {
  readonly method: "GET" | "POST" | "DELETE";
  /** With `{id}` for a whole number. */
  readonly path: string;
  readonly summary: string;
  /** The JSON schema of what it takes. */
  readonly body?: schemas.Schema;
  /** The status and the JSON schema of what it answers. */
  readonly answers: { readonly status: number; readonly schema: schemas.Schema };
  readonly run: (control: Control, call: Call) => Reply | Promise<Reply>;
}

const NOTHING = { status: 200, schema: schemas.nothing };
const DONE: Reply = { status: 200, body: {} };

/** All routes, in the order of the document. */
export const routes: readonly Route[] = [
  {
    method: "GET",
    path: "/health",
    summary: "Whether the cluster answers",
    answers: { status: 200, schema: schemas.health },
    run: () => ({ status: 200, body: { ready: true } }),
  },
  {
    method: "GET",
    path: "/openapi.json",
    summary: "This document",
    answers: { status: 200, schema: schemas.anything },
    run: () => ({ status: 200, body: openApi(routes) }),
  },
  {
    method: "GET",
    path: "/counters",
    summary: "What happened since the start or the last reset",
    answers: { status: 200, schema: schemas.counters },
    run: (control) => ({ status: 200, body: control.counters() }),
  },
  {
    method: "GET",
    path: "/limits",
    summary: "The limits as they are",
    answers: { status: 200, schema: schemas.limits },
    run: (control) => ({ status: 200, body: control.limits() }),
  },
  {
    method: "POST",
    path: "/limits",
    summary: "Sets limits; those that are left out stay",
    body: schemas.limits,
    answers: { status: 200, schema: schemas.limits },
    run: (control, { body }) => {
      const { limits, problem } = readLimits(body);
      if (limits === undefined) return wrong(problem);
      control.setLimits(limits);
      return { status: 200, body: control.limits() };
    },
  },
  {
    method: "GET",
    path: "/faults",
    summary: "Which faults are on, and how often each has struck",
    answers: { status: 200, schema: schemas.faults },
    run: (control) => ({ status: 200, body: control.faults() }),
  },
  {
    method: "POST",
    path: "/faults",
    summary: "Switches a fault on",
    body: schemas.fault,
    answers: { status: 201, schema: schemas.id },
    run: (control, { body }) => {
      const { fault, problem } = readFault(body);
      if (fault === undefined) return wrong(problem);
      return { status: 201, body: { id: control.inject(fault) } };
    },
  },
  {
    method: "DELETE",
    path: "/faults",
    summary: "Switches all faults off",
    answers: NOTHING,
    run: (control) => {
      control.clearFaults();
      return DONE;
    },
  },
  {
    method: "DELETE",
    path: "/faults/{id}",
    summary: "Switches one fault off",
    answers: NOTHING,
    run: (control, { id }) => {
      control.clearFaults(id);
      return DONE;
    },
  },
  {
    method: "POST",
    path: "/delays",
    summary:
      "Moves the cluster away: what each statement, each COMMIT and each job takes besides its work",
    body: schemas.delays,
    answers: { status: 200, schema: schemas.delays },
    run: (control, { body }) => {
      const { delays, problem } = readDelays(body);
      if (delays === undefined) return wrong(problem);
      control.setDelays(delays);
      return { status: 200, body: delays };
    },
  },
  {
    method: "POST",
    path: "/throughput",
    summary:
      "Gives every table the bound of a cold partition, which rises under heat; none with 0 rows",
    body: schemas.throughput,
    answers: { status: 200, schema: schemas.throughput },
    run: (control, { body }) => {
      const { throughput, problem } = readThroughput(body);
      if (throughput === undefined) return wrong(problem);
      control.setThroughput(throughput);
      return { status: 200, body: throughput };
    },
  },
  {
    method: "GET",
    path: "/statements",
    summary: "The statements that are kept, oldest first",
    answers: { status: 200, schema: schemas.statements },
    run: (control) => ({ status: 200, body: control.statements() }),
  },
  {
    method: "POST",
    path: "/statements",
    summary: "Keeps the last statements from now on, so many at most; none with 0",
    body: schemas.keep,
    answers: NOTHING,
    run: (control, { body }) => {
      const { most, problem } = readMost(body);
      if (most === undefined) return wrong(problem);
      control.keepStatements(most);
      return DONE;
    },
  },
  {
    method: "POST",
    path: "/clock",
    summary: "Moves the clock of ages, tokens and the one-hour life",
    body: schemas.clock,
    answers: NOTHING,
    run: (control, { body }) => {
      const { shiftMs, problem } = readShift(body);
      if (shiftMs === undefined) return wrong(problem);
      control.shiftClock(shiftMs);
      return DONE;
    },
  },
  {
    method: "DELETE",
    path: "/connections",
    summary: "Cuts every client's connection without a word",
    answers: NOTHING,
    run: (control) => {
      control.cutConnections();
      return DONE;
    },
  },
  {
    method: "POST",
    path: "/reset",
    summary: "Empties the cluster; faults, counters, clock, delays, limits are as at the start",
    answers: NOTHING,
    run: async (control) => {
      await control.reset();
      return DONE;
    },
  },
];

/** The route of a request, with the number in its path. */
export function findRoute(
  method: string,
  path: string,
): { readonly route: Route; readonly id: number } | undefined {
  const numbered = path.replace(/\/\d+$/, "/{id}");
  const route = routes.find(
    (candidate) => candidate.method === method && candidate.path === numbered,
  );
  if (route === undefined) return undefined;
  return { route, id: Number(/\/(\d+)$/.exec(path)?.[1] ?? 0) };
}

function wrong(problem: string): Reply {
  return { status: 400, body: { error: problem } };
}
