/**
 * dynalite, in process: items, expressions, scans, validation, capacity. Its modules are called as its own HTTP handler calls
 * them (validations, then the action), without HTTP and with the account and region of our choice.
 */
import database, { type Store, type SubStore } from "dynalite/db/index.js";
import validations from "dynalite/validations/index.js";
import { isFields, textIn, type Fields } from "../json.ts";
import { Refusal } from "../rules/refusal.ts";
import { dynaliteActions, type EngineAction } from "./dynalite-actions.ts";
import type { Item } from "./item.ts";

export type { EngineAction } from "./dynalite-actions.ts";

/** What an engine belongs to, and how long its tables take to change their state. */
export interface EngineOptions {
  readonly account: string;
  readonly region: string;
  readonly stateMs: number;
}

/** A refusal by dynalite; `early` when the request itself was wrong, whatever the data. */
export class EngineRefusal extends Refusal {
  readonly early: boolean;
  constructor(body: Fields, status: number, early: boolean) {
    const type = textIn(body, "__type") ?? "InternalServerError";
    const message = textIn(body, "message") ?? textIn(body, "Message") ?? "";
    super(type.replace(/^.*#/, ""), message, status);
    this.early = early;
  }
}

/** What a request is held against before anything is looked at. */
interface RequestRules {
  readonly types: Fields;
  readonly custom: unknown;
}

/** One store of items. */
export class Engine {
  readonly #store: Store;

  constructor({ account, region, stateMs }: EngineOptions) {
    const times = { createTableMs: stateMs, deleteTableMs: stateMs, updateTableMs: stateMs };
    this.#store = database.create(times);
    this.#store.tableDb.awsAccountId = account;
    this.#store.tableDb.awsRegion = region;
  }

  /** Does one action. Throws an EngineRefusal. */
  async call(name: EngineAction, request: Fields): Promise<Fields> {
    const { action, rules } = dynaliteActions[name];
    const data = this.#validated(structuredClone(request), rules);
    const opened: { destroy(): void }[] = [];
    try {
      return await new Promise<Fields>((resolve, reject) => {
        action(this.#watched(opened), data, (error, answer) => {
          if (isRefusal(error)) reject(new EngineRefusal(error.body, error.statusCode, false));
          else if (error) reject(asError(error));
          else resolve(isFields(answer) ? answer : {});
        });
      });
    } finally {
      // dynalite leaves them open and reads on, to the end of the table, for every page.
      for (const stream of opened) stream.destroy();
    }
  }

  /** An item by its key, consistently; undefined where there is none. */
  async read(table: string, key: Item): Promise<Item | undefined> {
    const answer = await this.call("GetItem", { TableName: table, Key: key, ConsistentRead: true });
    const item = answer["Item"];
    return isFields(item) ? item : undefined;
  }

  #validated(request: Fields, { types, custom }: RequestRules): Fields {
    try {
      const data = validations.checkTypes(request, types);
      validations.checkValidations(data, types, custom, this.#store);
      return data;
    } catch (error) {
      if (isRefusal(error)) throw new EngineRefusal(error.body, error.statusCode, true);
      throw error;
    }
  }

  /** The store, noting the streams that are opened through it. */
  #watched(opened: { destroy(): void }[]): Store {
    const store = this.#store;
    const watch = (sub: SubStore): SubStore => ({
      ...sub,
      createValueStream(options: unknown) {
        const stream = sub.createValueStream(options);
        opened.push(stream);
        return stream;
      },
    });
    return {
      ...store,
      getItemDb: (name) => watch(store.getItemDb(name)),
      getIndexDb: (type, table, index) => watch(store.getIndexDb(type, table, index)),
    };
  }
}

function asError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error));
}

function isRefusal(error: unknown): error is { statusCode: number; body: Fields } {
  return (
    error instanceof Error &&
    "statusCode" in error &&
    typeof error.statusCode === "number" &&
    "body" in error &&
    isFields(error.body)
  );
}
