// The main job on embedded servers: a database with a shop that is being used, Aurora DSQL's rules in front of another
// one (or a Kafka broker), a pipeline between them; full load, hand-over, live changes, and at the end a verification row by row.
import { setTimeout as sleep } from "node:timers/promises";
import { loadPipeline, Metrics, MillraceError, type Pipeline } from "millrace";
import { parseArguments, USAGE, UsageError, wantsHelp, type DemoArguments } from "./arguments.ts";
import { Customers } from "./customers.ts";
import { serve } from "./listener.ts";
import { jsonScreen, plainScreen, terminalScreen, type Screen } from "./screen.ts";
import { openShopAt, SERVERS, type SourceShop } from "./source-shop.ts";
import { type DemoTarget, openTarget, TARGETS } from "./target.ts";

const DIFFERENT = 3;

/** Signals that close follow one another are one wish: a process group is signalled at once. */
const SAME_WISH_MS = 300;

async function main(argv: readonly string[]): Promise<number> {
  const write = (text: string) => void process.stdout.write(text);
  if (wantsHelp(argv)) {
    write(`${USAGE}\n`);
    return 0;
  }
  const options = parseArguments(argv);
  const screen = options.json
    ? jsonScreen(write)
    : process.stdout.isTTY
      ? terminalScreen(write, () => process.stdout.columns)
      : plainScreen(write, Date.now);
  const stop = new AbortController();
  let firstMs: number | null = null;
  const heard = () => {
    if (firstMs !== null && performance.now() - firstMs > SAME_WISH_MS) process.exit(1);
    if (firstMs !== null) return;
    firstMs = performance.now();
    screen.say("Finishing what is under way … Ctrl-C again ends at once.");
    stop.abort();
  };
  process.on("SIGINT", heard).on("SIGTERM", heard);
  const closing: (() => Promise<unknown>)[] = [];
  try {
    return await run(options, screen, stop.signal, (close) => closing.unshift(close));
  } finally {
    for (const close of closing) await close().catch(() => undefined);
  }
}

async function run(
  options: DemoArguments,
  screen: Screen,
  signal: AbortSignal,
  atEnd: (close: () => Promise<unknown>) => void,
): Promise<number> {
  const { shop, target } = await openServers(options, screen, atEnd);
  const customers = new Customers(shop.till(), shop.acts, options.rate);
  customers.start();
  let open = true;
  const closeShop = async () => {
    if (open) await customers.stop();
    open = false;
  };
  atEnd(closeShop);

  const metrics = new Metrics();
  const description = await target.pipelineFrom(shop);
  const pipeline = await loadPipeline(description, { metrics });
  const server = await serve(options.listen, pipeline, metrics, (text) => screen.say(text));
  if (server !== null) atEnd(() => server.close());
  await pipeline.start();
  atEnd(() => pipeline.stop());
  if (server !== null) screen.say(`Dashboard: ${server.url}  (also /metrics, /health/ready)`);
  const look = await target.look(shop);
  if (look !== null) screen.say(`To look into the topic of orders: ${look}`, { look });
  const make = await target.make();
  if (make !== null)
    screen.say(`This broker makes no topic by itself. To make one of your own: ${make}`, { make });
  if (options.forSeconds === null && !signal.aborted) screen.say("Ctrl-C ends it.");
  const ticking = setInterval(() => screen.show(pipeline, customers.changes), 500);
  atEnd(async () => clearInterval(ticking));

  const told = tellSync(pipeline, signal, (text) => screen.say(text));
  await orAbort(signal, Promise.race([told, pipeline.done]));
  const lastsMs = options.forSeconds === null ? 2 ** 31 - 1 : options.forSeconds * 1000;
  const slept = sleep(lastsMs, undefined, { signal }).catch(() => undefined);
  // One that fails, or that another process takes over, ends the demo with the reason.
  await Promise.race([slept, pipeline.done]);
  await closeShop();
  clearInterval(ticking);
  screen.end();
  if (options.forSeconds === null) {
    await pipeline.stop();
    screen.say(goodbye(pipeline.status()));
    return 0;
  }
  if (signal.aborted) {
    screen.say("Stopped before the verification.");
    return 1;
  }
  screen.say("The shop is closed. Waiting for the end of its log …");
  const isWhole = await followed(pipeline, (text) => screen.say(text));
  if (!isWhole) return 1;
  const equal = await target.verify(shop, description, screen, customers.changes);
  return equal ? 0 : DIFFERENT;
}

/** The shop's server and the target's, and what there is to know of both. */
async function openServers(
  options: DemoArguments,
  screen: Screen,
  atEnd: (close: () => Promise<unknown>) => void,
): Promise<{ readonly shop: SourceShop; readonly target: DemoTarget }> {
  screen.say(`Starting a ${SERVERS[options.source]} with a shop, and ${TARGETS[options.sink]} …`);
  const orders = options.rows.toLocaleString("en-US");
  const [shop, target] = await Promise.all([
    openShopAt(options.source, options.rows, () =>
      screen.say(`Filling the shop with ${orders} orders …`),
    ),
    openTarget(options.sink),
  ]);
  atEnd(() => shop.stop());
  atEnd(() => target.stop());
  const [from, to] = [shop.address, target.address];
  screen.say(`The shop has ${orders} orders.`, { orders: options.rows });
  // No full stop: the address would be copied with it.
  screen.say(`From ${shop.server} at ${from} to ${target.server} at ${to}`, { from, to });
  return { shop, target };
}

/** Says when every table is in SYNC; a table that was paused or stopped meanwhile ends nothing. */
async function tellSync(
  pipeline: Pipeline,
  signal: AbortSignal,
  say: (text: string) => void,
): Promise<void> {
  const began = Date.now();
  try {
    await pipeline.caughtUp();
  } catch (error) {
    if (pipeline.status().state !== "running" || !(error instanceof Error)) throw error;
    if (!signal.aborted) say(`Not every table is in SYNC: ${error.message}.`);
    return;
  }
  const seconds = ((Date.now() - began) / 1000).toFixed(1);
  if (!signal.aborted) say(`Every table is in SYNC after ${seconds} s; changes go on arriving.`);
}

/** Whether every table was followed to the end of the log: one that is paused or stopped cannot be compared. */
async function followed(pipeline: Pipeline, say: (text: string) => void): Promise<boolean> {
  try {
    await pipeline.caughtUp();
    return true;
  } catch (error) {
    if (pipeline.status().state !== "running" || !(error instanceof Error)) throw error;
    say(`Nothing was verified: ${error.message}.`);
    return false;
  }
}

/** The last line where nothing is verified. */
function goodbye({ state, tables }: ReturnType<Pipeline["status"]>): string {
  const sum = (of: (table: (typeof tables)[number]) => number) =>
    tables.reduce((total, table) => total + of(table), 0).toLocaleString("en-US");
  const [rows, changes] = [sum((table) => table.rowsLoaded), sum((table) => table.changes)];
  const letters = sum((table) => table.deadLetters);
  return `The pipeline has ${state}: ${tables.length} tables, ${rows} rows loaded, ${changes} changes, ${letters} dead letters. Its servers end with it.`;
}

/** Until the promise is settled or the signal aborts; what it rejects with after that is nobody's any more. */
async function orAbort(signal: AbortSignal, promise: Promise<unknown>): Promise<void> {
  const aborted = new Promise<void>((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener("abort", () => resolve(), { once: true });
  });
  await Promise.race([aborted, promise]);
}

/** What went wrong; where it went wrong only of what nobody foresaw. */
function textOf(error: unknown): string {
  if (error instanceof UsageError) return error.message;
  if (error instanceof MillraceError) return `${error.message}. ${error.remedy}`;
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  process.stderr.write(`${textOf(error)}\n`);
  process.exitCode = error instanceof UsageError ? 2 : 1;
}
process.exit();
