/**
 * Named places where a test may kill, pause or fail the process. Off, one costs a read of a module variable and a
 * comparison. `MILLRACE_FAILPOINTS` (read by the command line only) turns them on:
 *
 *     MILLRACE_FAILPOINTS="lane.after-commit=kill@3;chunk.rows-sent=error"
 *
 * `kill` ends the process as SIGKILL does, `error` throws, `exit` exits with 1; `@N` is the Nth time the place is reached (default 1).
 */
export type FailpointAction = "kill" | "error" | "exit";

/** What a test gives to watch or to act. */
export type FailpointHandler = (name: string) => void;

let handler: FailpointHandler | null = null;

/** Marks a place. The name is `<room or part>.<moment>`, unique in the sources. */
export function failpoint(name: string): void {
  if (handler !== null) handler(name);
}

/** Sets or clears the handler; tests and the command line only. */
export function setFailpointHandler(next: FailpointHandler | null): void {
  handler = next;
}

/** What acts for a failpoint; the process' own means come in here so that tests can watch. */
export interface FailpointActions {
  kill(): void;
  exit(code: number): void;
}

/**
 * Parses `MILLRACE_FAILPOINTS` into a handler.
 * @throws Error naming the part that cannot be read.
 */
export function parseFailpoints(text: string, actions: FailpointActions): FailpointHandler {
  const plans = new Map<string, { action: FailpointAction; left: number }>();
  for (const part of text.split(";").map((p) => p.trim())) {
    if (part === "") continue;
    const match = /^([\w.-]+)=(kill|error|exit)(?:@(\d+))?$/.exec(part);
    const [, name, action, at] = match ?? [];
    if (name === undefined || action === undefined)
      throw new Error(`MILLRACE_FAILPOINTS: cannot read "${part}"`);
    plans.set(name, { action: action as FailpointAction, left: Number(at ?? 1) });
  }
  return (name) => {
    const plan = plans.get(name);
    if (plan === undefined || --plan.left !== 0) return;
    if (plan.action === "error") throw new Error(`failpoint ${name}`);
    if (plan.action === "exit") actions.exit(1);
    else actions.kill();
  };
}
