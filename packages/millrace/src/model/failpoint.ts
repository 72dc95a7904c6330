/**
 * Named places where a test may kill, pause or fail the process. Off, one costs a read of a module variable and a
 * comparison. `MILLRACE_FAILPOINTS` (read by the command line only) turns them on:
 *
 *     MILLRACE_FAILPOINTS="lane.after-commit=kill@3;chunk.window-open=error;frontier.written=kill@2:HANDOVER;*=tell"
 *
 * `kill` ends the process as SIGKILL does, `error` throws, `exit` exits with 1; `@N` is the Nth time the place is
 * reached (default 1), and `:PHASE` counts only the times when the tables are in that phase. `*=tell` says of every
 * place in which phases it was reached, once each.
 */
export type FailpointAction = "kill" | "error" | "exit";

/**
 * Where a pipeline is, by its own tables. `START`: it does not know them yet. `INIT_SYNC`: there is something to load.
 * `HANDOVER`: a table is loaded, and the frontier has not passed its end position yet (I7), whatever the others do.
 * `SYNC`: every table is.
 */
export type FailpointPhase = "START" | "INIT_SYNC" | "HANDOVER" | "SYNC";

/** What a test gives to watch or to act. */
export type FailpointHandler = (name: string) => void;

let handler: FailpointHandler | null = null;
let currentPhase: () => FailpointPhase = () => "START";

/** Marks a place. The name is `<room or part>.<moment>`, unique in the sources. */
export function failpoint(name: string): void {
  if (handler !== null) handler(name);
}

/** Sets or clears the handler; tests and the command line only. */
export function setFailpointHandler(next: FailpointHandler | null): void {
  handler = next;
}

/** The run that began last tells its phase when it is asked. */
export function setFailpointPhase(next: () => FailpointPhase): void {
  currentPhase = next;
}

/** What acts for a failpoint; the process' own means come in here so that tests can watch. */
export interface FailpointActions {
  kill(): void;
  exit(code: number): void;
  /** Says so at once, before anything else happens: the process may be gone a moment later. */
  tell(line: string): void;
}

interface Plan {
  readonly action: FailpointAction;
  readonly phase: string | null;
  left: number;
}

/**
 * Parses `MILLRACE_FAILPOINTS` into a handler.
 * @throws Error naming the part that cannot be read.
 */
export function parseFailpoints(text: string, actions: FailpointActions): FailpointHandler {
  const plans = new Map<string, Plan>();
  const told = new Set<string>();
  let isTelling = false;
  for (const part of text.split(";").map((p) => p.trim())) {
    if (part === "") continue;
    if (part === "*=tell") isTelling = true;
    else plans.set(...parsePlan(part));
  }
  return (name) => {
    if (isTelling) tellOnce(`failpoint ${name} ${currentPhase()}`, told, actions);
    const plan = plans.get(name);
    if (plan === undefined || (plan.phase !== null && plan.phase !== currentPhase())) return;
    if (--plan.left !== 0) return;
    if (plan.action === "error") throw new Error(`failpoint ${name}`);
    actions.tell(`failpoint ${name} ${currentPhase()} ${plan.action}`);
    if (plan.action === "exit") actions.exit(1);
    else actions.kill();
  };
}

const part =
  /^(?<name>[\w.-]+)=(?<action>kill|error|exit)(?:@(?<at>\d+))?(?::(?<phase>START|INIT_SYNC|HANDOVER|SYNC))?$/;

function parsePlan(text: string): [name: string, plan: Plan] {
  const { name, action, at, phase } = part.exec(text)?.groups ?? {};
  if (name === undefined || action === undefined)
    throw new Error(`MILLRACE_FAILPOINTS: cannot read "${text}"`);
  return [name, { action: action as FailpointAction, phase: phase ?? null, left: Number(at ?? 1) }];
}

function tellOnce(line: string, told: Set<string>, actions: FailpointActions): void {
  if (told.has(line)) return;
  told.add(line);
  actions.tell(line);
}
