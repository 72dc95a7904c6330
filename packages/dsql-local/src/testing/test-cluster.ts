import type pg from "pg";
import { afterAll, afterEach, beforeAll, beforeEach } from "vitest";
import { startDsqlLocal, type Control, type DsqlLocal, type DsqlLocalOptions } from "../index.ts";
import { Clients } from "./clients.ts";

/** The cluster that the tests of one file share. Connects nobody before the first test. */
export class TestCluster {
  readonly #clients = new Clients(() => this.#running());
  #cluster: DsqlLocal | null = null;

  get url(): string {
    return this.#running().url;
  }

  get host(): string {
    return this.#running().host;
  }

  get port(): number {
    return this.#running().port;
  }

  get controlUrl(): string {
    return this.#running().controlUrl;
  }

  get control(): Control {
    return this.#running().control;
  }

  /** A connected client, which is closed after its test. */
  connect(config?: pg.ClientConfig): Promise<pg.Client> {
    return this.#clients.connect(config);
  }

  async start(options: DsqlLocalOptions): Promise<void> {
    this.#cluster = await startDsqlLocal(options);
  }

  async closeClients(): Promise<void> {
    await this.#clients.close();
  }

  async stop(): Promise<void> {
    await this.#cluster?.stop();
  }

  #running(): DsqlLocal {
    if (this.#cluster === null) throw new Error("the cluster starts before the first test");
    return this.#cluster;
  }
}

/**
 * A cluster without TLS for the tests of one file: started before them, emptied before each, its clients closed after each.
 * Called at the top of the file, so that its hooks run around those of the file.
 */
export function testCluster(options: DsqlLocalOptions = {}): TestCluster {
  const cluster = new TestCluster();
  beforeAll(() => cluster.start({ tls: "off", ...options }));
  beforeEach(() => cluster.control.reset());
  afterEach(() => cluster.closeClients());
  afterAll(() => cluster.stop());
  return cluster;
}
