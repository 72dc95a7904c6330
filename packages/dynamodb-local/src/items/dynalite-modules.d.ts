/** What dynalite's modules look like from here; its version is exact, so this does not move. */

declare module "dynalite/db/index.js" {
  /** A store of one account and region. */
  export interface Store {
    readonly tableDb: { awsAccountId: string; awsRegion: string };
    getItemDb(name: string): SubStore;
    getIndexDb(type: string, table: string, index: string): SubStore;
  }
  export interface SubStore {
    createValueStream(options: unknown): { destroy(): void };
  }
  const database: { create(options: Readonly<Record<string, unknown>>): Store };
  export default database;
}

declare module "dynalite/validations/index.js" {
  import type { Store } from "dynalite/db/index.js";
  type Fields = Readonly<Record<string, unknown>>;
  const validations: {
    checkTypes(data: Fields, types: Fields): Fields;
    checkValidations(data: Fields, types: Fields, custom: unknown, store: Store): void;
  };
  export default validations;
}

declare module "dynalite/validations/*" {
  const validation: { readonly types: Readonly<Record<string, unknown>>; readonly custom: unknown };
  export default validation;
}

declare module "dynalite/actions/*" {
  import type { Store } from "dynalite/db/index.js";
  const action: (
    store: Store,
    data: Readonly<Record<string, unknown>>,
    done: (error: unknown, data: unknown) => void,
  ) => void;
  export default action;
}
