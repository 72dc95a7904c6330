/** What happens around a DDL, in a turn on the worker. */
import { tablesNamed, type CatalogueView } from "../concurrency/catalogue-versions.ts";
import type { Definitions } from "../definitions/definitions.ts";
import type { Statement } from "../gate/statement.ts";
import type { ClusterContext } from "./context.ts";
import { isOurs } from "./prepared.ts";
import type { SearchPath } from "./search-path.ts";
import type { Transaction } from "./transaction.ts";
import type { Worker } from "./worker.ts";

/** What is known of a DDL's tables before it runs. */
export interface KnownBefore {
  /** Tables that change with what it names. */
  readonly changed: readonly string[];
  /** Those that it names and that are not there. */
  readonly missing: readonly string[];
}

/** What is needed around a DDL. */
interface DefinitionParts {
  readonly worker: Worker;
  readonly cluster: ClusterContext;
  readonly view: CatalogueView;
  readonly path: SearchPath;
  readonly definitions: Definitions;
}

/** One per session. */
export class DefinitionSteps {
  readonly #worker: Worker;
  readonly #cluster: ClusterContext;
  readonly #view: CatalogueView;
  readonly #path: SearchPath;
  readonly #definitions: Definitions;

  constructor({ worker, cluster, view, path, definitions }: DefinitionParts) {
    this.#worker = worker;
    this.#cluster = cluster;
    this.#view = view;
    this.#path = path;
    this.#definitions = definitions;
  }

  async before(transaction: Transaction, statement: Statement): Promise<KnownBefore> {
    await this.#worker.open(transaction);
    const changed = await this.#definitions.before(statement);
    return {
      changed,
      missing: await this.#definitions.missing(tablesNamed(statement, this.#path)),
    };
  }

  /** Has its tables be others than before once the transaction has committed. */
  async after(
    transaction: Transaction,
    statement: Statement,
    { changed, missing }: KnownBefore,
  ): Promise<void> {
    if (!isOurs(statement)) await this.#definitions.after(statement);
    const tables = [...tablesNamed(statement, this.#path), ...changed];
    if (statement.renamesRole) transaction.afterCommit.push(() => this.#renameTrusted());
    transaction.afterCommit.unshift(() => {
      this.#cluster.versions.bump(tables);
      this.#cluster.versions.made(missing);
      this.#cluster.functions.changed();
      this.#view.adopt(tables);
    });
  }

  /** What AWS IAM GRANT trusts is the role, whatever it is called. */
  async #renameTrusted(): Promise<void> {
    await this.#cluster.admin.query(
      `UPDATE sys.iam_pg_role_mappings SET pg_role_name = r.rolname FROM pg_roles AS r WHERE r.oid = pg_role_oid`,
    );
  }
}
