/** Puts a stand-in together, and takes it apart. */
import { Principals } from "./access/principals.ts";
import { Clock } from "./clock.ts";
import type { Control } from "./control/control.ts";
import { CallLog } from "./control/counters.ts";
import { FaultList } from "./control/faults.ts";
import { controlListener } from "./control/http.ts";
import { controlOf } from "./control/switches.ts";
import { listen, readAddress, type Listener } from "./http/listener.ts";
import { settingsOf, type DynamodbLocalOptions } from "./options.ts";
import { Realms } from "./realms.ts";
import { Service } from "./service.ts";
import { Roles } from "./sts/roles.ts";
import { Sts } from "./sts/sts.ts";

/** A running stand-in. */
export interface DynamodbLocal extends AsyncDisposable {
  /** What clients of all four services take as their endpoint: `http://127.0.0.1:8000`. */
  readonly url: string;
  readonly host: string;
  readonly port: number;
  /** Where the control port is; empty without one. */
  readonly controlUrl: string;
  readonly control: Control;
  stop(): Promise<void>;
}

/** Starts a stand-in. Rejects where a port cannot be had. */
export async function startDynamodbLocal(
  options: DynamodbLocalOptions = {},
): Promise<DynamodbLocal> {
  const settings = settingsOf(options);
  const clock = new Clock();
  const realms = new Realms(settings, clock);
  const principals = new Principals(settings, clock);
  const [faults, roles, log] = [new FaultList(), new Roles(), new CallLog()];
  const sts = new Sts({ principals, roles, clock, random: settings.random });
  const service = new Service({ realms, principals, faults, log, clock, sts });
  const control = controlOf({ settings, clock, realms, faults, roles, principals, log });
  const listener = await listen(
    options.host ?? "127.0.0.1",
    options.port ?? 0,
    (request, response) => {
      void service.handle(request, response);
    },
  );
  const controls = await openControl(options, control, listener);
  const stopSweeping = sweep(control, settings.ttlSweepMs);
  const stop = async (): Promise<void> => {
    stopSweeping();
    await Promise.all([listener.stop(), controls?.stop()]);
  };
  const { host, port } = listener;
  return {
    url: urlOf(host, port),
    host,
    port,
    controlUrl: controls === undefined ? "" : urlOf(controls.host, controls.port),
    control,
    stop,
    [Symbol.asyncDispose]: stop,
  };
}

async function openControl(
  { control: address }: DynamodbLocalOptions,
  control: Control,
  service: Listener,
): Promise<Listener | undefined> {
  if (address === undefined) return undefined;
  try {
    const { host, port } = readAddress(address);
    return await listen(host, port, controlListener(control));
  } catch (error) {
    await service.stop();
    throw error;
  }
}

function urlOf(host: string, port: number): string {
  return `http://${host.includes(":") ? `[${host}]` : host}:${port}`;
}

/** Looks for items whose time is over, now and then, never twice at once. */
function sweep(control: Control, everyMs: number): () => void {
  if (everyMs === 0) return () => undefined;
  let isSweeping = false;
  const timer = setInterval(() => {
    if (isSweeping) return;
    isSweeping = true;
    // A table that is deleted under the sweep ends it; the next one goes on.
    control.sweepExpired().then(
      () => (isSweeping = false),
      () => (isSweeping = false),
    );
  }, everyMs);
  timer.unref();
  return () => clearInterval(timer);
}
