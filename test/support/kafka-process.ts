/** One broker of Apache Kafka as a process of ours: its start and its ends, gentle and violent. */
import { copyFile, mkdir, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { Admin } from "@platformatic/kafka";
import { brokerCommand, brokerProperties } from "../../scripts/kafka-broker.mjs";
import { bringServer } from "../../scripts/servers.mjs";
import { type FolderKind, makeFolder } from "./server-folder.ts";
import { ServerProcess } from "./server-process.ts";
import type { SmallDisk } from "./small-disk.ts";

const kafkaFolders: FolderKind = { prefix: "millrace-kafka-", pidFile: "pid", signal: "SIGKILL" };

const SECOND = "second";
/** What is written is not looked for before a broker writes into its folder again. */
const NOTES_SOON = { "replica.high.watermark.checkpoint.interval.ms": "500" };

/** Settings as in `server.properties`. */
export type KafkaSettings = Readonly<Record<string, string>>;

/** Listeners besides the one without any protection that the tests themselves use. */
export type KafkaListener = "SSL" | "SASL_PLAINTEXT" | "SASL_SSL";

/** What one broker is told. */
export interface KafkaProcessOptions {
  readonly node: number;
  readonly replicas: number;
  /** Where the one controller listens, in the first broker. */
  readonly controllerPort: number;
  /** By listener; `PLAINTEXT` is always there. */
  readonly ports: ReadonlyMap<string, number>;
  /** Clients are told that the unprotected listener is at this port: a proxy's. */
  readonly advertisedPort?: number;
  readonly settings: KafkaSettings;
  /** Java's; else those of a small broker that starts quickly. */
  readonly java?: readonly string[];
  /** What stands in front of its command: a namespace with a disk of its own, given the broker's folder. */
  readonly within?: SmallDisk["within"];
  /** It has a second disk, which {@link KafkaProcess.loseDisk} takes away. */
  readonly hasTwoDisks?: boolean;
  /** Files for its folder, which settings name by `@FOLDER@/name`. */
  readonly files: Readonly<Record<string, string>>;
}

/** A running (or stopped, or killed) broker. */
export class KafkaProcess {
  readonly node: number;
  readonly #options: KafkaProcessOptions;
  readonly #kafka: string;
  readonly #folder: string;
  readonly #process: ServerProcess;
  #settings: KafkaSettings;

  private constructor(options: KafkaProcessOptions, kafka: string, folder: string) {
    this.node = options.node;
    this.#options = options;
    this.#kafka = kafka;
    this.#folder = folder;
    this.#settings = options.settings;
    const name = `Kafka broker ${options.node}`;
    this.#process = new ServerProcess({ name, kind: kafkaFolders, folder, user: undefined });
  }

  /** Makes the data folder; {@link start} starts it. */
  static async create(options: KafkaProcessOptions): Promise<KafkaProcess> {
    const kafka = await bringServer("kafka");
    const folder = await makeFolder(kafkaFolders, "auto", undefined);
    const data = join(folder, "data");
    const { node } = options;
    await makeDisk(data, node, `AAAAAAAAAAAAAAAAAAAA${node}g`);
    if (options.hasTwoDisks === true)
      await makeDisk(join(folder, SECOND), node, `AAAAAAAAAAAAAAAAAAAB${node}g`);
    await copyFile(join(kafka, "bootstrap.checkpoint"), join(data, "bootstrap.checkpoint"));
    for (const [name, content] of Object.entries(options.files))
      await writeFile(join(folder, name), content, { mode: 0o600 });
    return new KafkaProcess(options, kafka, folder);
  }

  /** `127.0.0.1:PORT` of a listener. */
  address(listener: KafkaListener | "PLAINTEXT" = "PLAINTEXT"): string {
    return `127.0.0.1:${this.#options.ports.get(listener) ?? 0}`;
  }

  /** Undefined while it does not run. */
  get pid(): number | undefined {
    return this.#process.pid;
  }

  get dataDir(): string {
    return join(this.#folder, "data");
  }

  /** The second of its disks. */
  get secondDir(): string {
    return join(this.#folder, SECOND);
  }

  /** The second disk is gone: the broker finds it out when it next notes there how far it is. */
  async loseDisk(): Promise<void> {
    await rename(this.secondDir, `${this.secondDir}.lost`);
    await writeFile(this.secondDir, "");
  }

  /** It is there again; the broker has to be started anew. */
  async findDisk(): Promise<void> {
    await rm(this.secondDir);
    await rename(`${this.secondDir}.lost`, this.secondDir);
  }

  /** Starts a broker that was made, stopped or killed; {@link ready} tells when it serves. */
  async start(settings: KafkaSettings = {}): Promise<void> {
    this.#settings = { ...this.#settings, ...settings };
    const configuration = join(this.#folder, "server.properties");
    await writeFile(configuration, this.#properties());
    const within = (await this.#options.within?.(this.#folder, undefined)) ?? [];
    const command = brokerCommand(this.#kafka, configuration, this.#options.java);
    this.#process.spawn([...within, ...command], "UTC");
    await writeFile(join(this.#folder, kafkaFolders.pidFile), String(this.#process.pid));
  }

  /** Waits until it has joined its cluster. */
  async ready(): Promise<void> {
    await this.#process.ready(() => isServing(this.address(), this.node));
  }

  /** SIGTERM. */
  stop(): Promise<void> {
    return this.#process.end("SIGTERM");
  }

  /** SIGKILL. */
  kill(): Promise<void> {
    return this.#process.end("SIGKILL");
  }

  /** SIGSTOP and SIGCONT: a broker that is there and silent. */
  freeze(): () => void {
    const { pid } = this.#process;
    if (pid === undefined) throw new Error(`Kafka broker ${this.node} does not run.`);
    process.kill(pid, "SIGSTOP");
    return () => void process.kill(pid, "SIGCONT");
  }

  /** Ends it at once and removes its folder. */
  async remove(): Promise<void> {
    await this.#process.end("SIGKILL");
    await this.#process.removeFolder();
  }

  /** What it has said so far. */
  log(): Promise<string> {
    return this.#process.log();
  }

  #properties(): string {
    const { node, replicas, controllerPort, ports, advertisedPort } = this.#options;
    const told = (name: string, port: number): number =>
      name === "PLAINTEXT" ? (advertisedPort ?? port) : port;
    const client = [...ports].map(([name, port]) => `${name}://127.0.0.1:${port}`).join(",");
    const isController = node === 1;
    const disks = { "log.dirs": `${this.dataDir},${this.secondDir}`, ...NOTES_SOON };
    const text = brokerProperties({
      node,
      data: this.dataDir,
      controllers: `1@127.0.0.1:${controllerPort}`,
      replicas,
      listeners: isController ? `${client},CONTROLLER://127.0.0.1:${controllerPort}` : client,
      advertised: [...ports]
        .map(([name, port]) => `${name}://127.0.0.1:${told(name, port)}`)
        .join(","),
      isController,
      settings:
        this.#options.hasTwoDisks === true ? { ...disks, ...this.#settings } : this.#settings,
    });
    return text.replaceAll("@FOLDER@", this.#folder);
  }
}

/** A folder as `kafka-storage format` leaves it. */
async function makeDisk(path: string, node: number, directoryId: string): Promise<void> {
  const facts = [
    "version=1",
    "cluster.id=AAAAAAAAAAAAAAAAAAAAAA",
    `node.id=${node}`,
    `directory.id=${directoryId}`,
  ];
  await mkdir(path);
  await writeFile(join(path, "meta.properties"), `${facts.join("\n")}\n`);
}

/** Whether the cluster that a broker belongs to knows it. */
async function isServing(address: string, node: number): Promise<boolean> {
  const admin = new Admin({
    clientId: "test",
    bootstrapBrokers: [address],
    retries: 0,
    timeout: 2_000,
  });
  try {
    const { brokers } = await admin.metadata({ topics: [] });
    return brokers.has(node);
  } catch {
    return false;
  } finally {
    await admin.close().catch(() => undefined);
  }
}
