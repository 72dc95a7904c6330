import type { TargetTable } from "../../model/table.ts";
import type { TableOutput } from "./message-router.ts";
import type { KafkaSinkOptions } from "./options.ts";
import { partitionerOf } from "./partitioner.ts";
import type { Topics } from "./topics.ts";

/** Topic, encoder and partitioner of each table, made when it is written to first; another shape is another table. */
export class TableOutputs {
  readonly #options: Pick<KafkaSinkOptions, "format" | "partitioning">;
  readonly #topics: Topics;
  #known = new WeakMap<TargetTable, Promise<TableOutput>>();
  /** What is said of topics that lack what they were told, by their names, as long as the sink is open (I8). */
  readonly #losses = new Map<string, string>();

  readonly #lostToAll = new Set<string>();

  constructor(options: Pick<KafkaSinkOptions, "format" | "partitioning">, topics: Topics) {
    this.#options = options;
    this.#topics = topics;
  }

  /** All is asked for again: a topic may take more now, or be another one. */
  forget(): void {
    this.#topics.forget();
    this.#known = new WeakMap();
  }

  /** Runs come and go; what a topic lacks is still said of its tables then. */
  lost(topic: string, message: string): void {
    this.#losses.set(topic, message);
  }

  /** The same of a topic that is no table's: all of them stand on it. */
  lostToAll(topic: string, message: string): void {
    this.#losses.set(topic, message);
    this.#lostToAll.add(topic);
  }

  /** Sentences for the operator about a table. */
  noticesOf(table: TargetTable): readonly string[] {
    const topics = [this.#topics.nameOf(table), ...this.#lostToAll];
    return [...new Set(topics)].flatMap((topic) => this.#losses.get(topic) ?? []);
  }

  /** @throws MillraceError, or KafkaFault where the brokers cannot be asked. */
  of(table: TargetTable): Promise<TableOutput> {
    const known = this.#known.get(table);
    if (known !== undefined) return known;
    const made = this.#make(table);
    this.#known.set(table, made);
    made.catch(() => this.#known.delete(table));
    return made;
  }

  async #make(table: TargetTable): Promise<TableOutput> {
    const topic = await this.#topics.of(table);
    const encoder = await this.#options.format.encoder(table, topic.name);
    return { topic, encoder, partitioner: partitionerOf(this.#options.partitioning, table) };
  }
}
