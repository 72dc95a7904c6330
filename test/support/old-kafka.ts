/** A broker of another time, with the ZooKeeper that it keeps its metadata in: its start and its end. */
import { mkdir, writeFile } from "node:fs/promises";
import { connect } from "node:net";
import { join } from "node:path";
import { oldCommand } from "../../scripts/kafka-broker.mjs";
import { bringServer } from "../../scripts/servers.mjs";
import { findFreePort } from "./free-port.ts";
import { type FolderKind, makeFolder } from "./server-folder.ts";
import { ServerProcess } from "./server-process.ts";

const folders: FolderKind = { prefix: "millrace-old-kafka-", pidFile: "pid", signal: "SIGKILL" };

/** `1.1` is refused, `3.0` is the oldest that is not. */
export type OldKafkaVersion = "1.1" | "3.0";

/** One broker, of one's own. */
export interface OldKafka extends AsyncDisposable {
  readonly bootstrap: string;
}

/** Starts one; 4 s. It ends with the process that started it, whatever happens. */
export async function startOldKafka(version: OldKafkaVersion): Promise<OldKafka> {
  const libraries = await bringServer(`kafka-${version}`);
  const [keeperPort, port] = [await findFreePort(), await findFreePort()];
  const processes: ServerProcess[] = [];
  const end = async (): Promise<void> => {
    for (const each of processes.toReversed()) {
      await each.end("SIGKILL");
      await each.removeFolder();
    }
  };
  const begin = async (main: string, at: number, settings: Settings): Promise<void> => {
    const begun = await spawned({ libraries, version, main, settings });
    processes.push(begun);
    await begun.ready(() => isTaken(at));
  };
  try {
    await begin("org.apache.zookeeper.server.quorum.QuorumPeerMain", keeperPort, (data) => ({
      dataDir: data,
      clientPort: keeperPort,
      "admin.enableServer": false,
    }));
    await begin("kafka.Kafka", port, (data) => ({
      "broker.id": 1,
      "log.dirs": data,
      listeners: `PLAINTEXT://127.0.0.1:${port}`,
      "zookeeper.connect": `127.0.0.1:${keeperPort}`,
      "offsets.topic.num.partitions": 1,
      "offsets.topic.replication.factor": 1,
      "transaction.state.log.num.partitions": 1,
      "transaction.state.log.replication.factor": 1,
      "transaction.state.log.min.isr": 1,
      "group.initial.rebalance.delay.ms": 0,
      "log.cleaner.dedupe.buffer.size": 1_048_577,
    }));
  } catch (error) {
    await end();
    throw error;
  }
  return { bootstrap: `127.0.0.1:${port}`, [Symbol.asyncDispose]: end };
}

/** By the folder of its data. */
type Settings = (data: string) => Readonly<Record<string, string | number | boolean>>;

async function spawned(of: {
  readonly libraries: string;
  readonly version: string;
  readonly main: string;
  readonly settings: Settings;
}): Promise<ServerProcess> {
  const folder = await makeFolder(folders, "auto", undefined);
  const [data, file] = [join(folder, "data"), join(folder, "server.properties")];
  await mkdir(data);
  const lines = Object.entries(of.settings(data)).map(([name, value]) => `${name}=${value}\n`);
  await writeFile(file, lines.join(""));
  const name = `${of.main.split(".").at(-1) ?? ""} ${of.version}`;
  const made = new ServerProcess({ name, kind: folders, folder, user: undefined });
  made.spawn(oldCommand(of.libraries, of.main, [file]), "UTC");
  await writeFile(join(folder, folders.pidFile), String(made.pid));
  return made;
}

function isTaken(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1");
    socket.once("connect", () => resolve(true));
    socket.once("error", () => resolve(false));
    socket.once("connect", () => socket.destroy());
  });
}
