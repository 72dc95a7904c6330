/** What befalls the brokers of a life, and the way to them, while its processes run and rows are written. */
import type { FaultProxy } from "../support/fault-proxy.ts";
import { type KafkaCluster, startKafka } from "../support/kafka.ts";
import { BrokerPlaces } from "./broker-places.ts";
import type { CountingWriter } from "./counting-writer.ts";
import type { Dice } from "./random.ts";

const BROKERS = [1, 2, 3];
/** It has to live. */
const CONTROLLER = 1;
const TRANSACTIONS = "__transaction_state";
const CUT_TIMEOUT_MS = 40_000;

/** One broker behind a proxy; three where coordinators move, and cuts befall the connections to the first. */
export async function startLifeKafka(proxy: FaultProxy, isMoving: boolean): Promise<KafkaCluster> {
  const settings = {
    "transaction.state.log.num.partitions": "12",
    "transaction.state.log.min.isr": "1",
  };
  const several = isMoving ? { brokers: BROKERS.length, settings } : {};
  const kafka = await startKafka({ advertisedPort: proxy.port, ...several });
  const [host = "", port = ""] = (kafka.brokers[0]?.address() ?? "").split(":");
  proxy.redirect({ host, port: Number(port) });
  return kafka;
}

/** Each resolves when it is over, with what it was. */
export class BrokerTroubles {
  readonly #kafka: KafkaCluster;
  readonly #proxy: FaultProxy;
  readonly #dice: Dice;

  constructor(kafka: KafkaCluster, proxy: FaultProxy, dice: Dice) {
    this.#kafka = kafka;
    this.#proxy = proxy;
    this.#dice = dice;
  }

  /** The first broker by its proxy, as it says itself where it is. */
  get bootstrap(): string {
    const [, ...others] = this.#kafka.brokers.map((broker) => broker.address());
    return [`127.0.0.1:${this.#proxy.port}`, ...others].join(",");
  }

  /** Connections are cut behind so many bytes of either direction. */
  async cut(writer: CountingWriter): Promise<string> {
    const bytes = this.#dice.between(1, 60_000);
    const direction = this.#dice.pick(["up", "down"] as const);
    // Answers are short.
    const count = direction === "up" ? bytes : Math.ceil(bytes / 20);
    const plan = this.#proxy.arm({
      fault: { kind: "cut" },
      trigger: { at: "bytes", direction, count },
      times: 2,
    });
    await plan.wait(CUT_TIMEOUT_MS).catch(() => undefined);
    plan.disarm();
    await writer.wrote(20);
    return `cut behind ${count} bytes ${direction}`;
  }

  /** All are killed, and started again. */
  async restart(writer: CountingWriter): Promise<string> {
    await this.#kafka.kill();
    await writer.wrote(this.#dice.between(5, 40));
    await this.#kafka.start();
    await writer.wrote(30);
    return "the brokers killed and started again";
  }

  /** A transactional id's moves to another broker, which is killed in its turn, so that a third one takes it. */
  async moveCoordinator(id: string, writer: CountingWriter): Promise<string> {
    const places = new BrokerPlaces(this.#kafka.bootstrap);
    try {
      const was = [await places.coordinator(id)];
      do {
        const nodes = BROKERS.filter((node) => node !== was.at(-1));
        await places.give([TRANSACTIONS], nodes);
        was.push(await places.coordinator(id));
        await writer.wrote(20);
      } while (was.at(-1) === CONTROLLER);
      const gone = was.at(-1) ?? CONTROLLER;
      await this.#kafka.kill(gone);
      was.push(await places.coordinatorBehind(id, gone));
      await writer.wrote(20);
      await this.#kafka.start(gone);
      await places.give([TRANSACTIONS], BROKERS);
      return `coordinated by ${was.join(", then ")}; ${gone} was killed`;
    } finally {
      await places.close();
    }
  }
}
