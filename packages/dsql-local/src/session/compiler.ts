/** From a client's text to statements: through the gate, with what the functions do that they call. */
import type { StatementLog, Speaker } from "../control/statement-log.ts";
import type { FunctionRegistry } from "../definitions/function-registry.ts";
import { single, type Gate, type Gated } from "../gate/gate.ts";
import type { Statement } from "../gate/statement.ts";
import { violation } from "../rules/table.ts";
import type { Runner } from "./runner.ts";

/** What a compiler works with. */
export interface CompilerParts {
  readonly cluster: {
    readonly gate: Gate;
    readonly functions: FunctionRegistry;
    readonly log: StatementLog;
  };
  readonly runner: Runner;
  readonly speaker: Speaker;
}

/** One per session. */
export class Compiler {
  readonly #parts: CompilerParts;

  constructor(parts: CompilerParts) {
    this.#parts = parts;
  }

  /** The parts of a simple Query. Throws the Violation of a syntax error. */
  all(sql: string): Promise<readonly Gated[]> {
    return this.#logged(sql, () => this.#parts.cluster.gate.compile(sql));
  }

  /** One of them. Throws what the gate refuses it with. */
  async statement(gated: Gated, sql: string): Promise<Statement> {
    if (!(gated instanceof Error)) return this.#parts.cluster.functions.widen(gated);
    return this.#logged(sql, () => {
      throw this.inBlock(gated);
    });
  }

  /** The only statement of a Parse. Throws what the gate refuses. */
  async one(sql: string): Promise<Statement> {
    const { gate, functions } = this.#parts.cluster;
    const gated = await this.#logged(sql, () => gate.compile(sql));
    const statement = await this.#logged(sql, () => {
      try {
        return single(gated, sql);
      } catch (error) {
        // What the parser says comes first, as in PostgreSQL.
        throw gated.length === 1 && error instanceof Error ? this.inBlock(error) : error;
      }
    });
    return functions.widen(statement);
  }

  /** In a failed block even an unsupported statement gets 25P02 (source E). */
  inBlock(error: Error): Error {
    return this.#parts.runner.failed ? violation("aborted") : error;
  }

  /** What is refused here comes no further, and is kept here. */
  async #logged<T>(sql: string, work: () => T): Promise<T> {
    try {
      return work();
    } catch (error) {
      const { cluster, speaker } = this.#parts;
      return cluster.log.watch(speaker, sql, () => Promise.reject(error));
    }
  }
}
