// Brings Apache Kafka for the tests: its jars by Maven, which asks the repository that this machine is configured with, and a
// class archive that halves the broker's start. Without dependencies, on any Node ≥ 20.
import { execFileSync, spawn } from "node:child_process";
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { createServer } from "node:net";
import { delimiter, join } from "node:path";
import { fileURLToPath } from "node:url";

const pom = fileURLToPath(new URL("kafka-broker.pom.xml", import.meta.url));
const oldPom = fileURLToPath(new URL("kafka-old.pom.xml", import.meta.url));
const leastJava = 17;
const debianPackages = ["openjdk-17-jre-headless", "maven"];
const startDeadlineMs = 60_000;

/** What a formatted folder begins with. */
const beginning = "bootstrap.checkpoint";

/** What every broker of the tests is told: small, and nothing waits for a second one. */
const commonSettings = {
  "process.roles": "broker,controller",
  "controller.listener.names": "CONTROLLER",
  "listener.security.protocol.map":
    "CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,SSL:SSL,SASL_PLAINTEXT:SASL_PLAINTEXT,SASL_SSL:SASL_SSL",
  "offsets.topic.num.partitions": "1",
  "transaction.state.log.num.partitions": "1",
  "group.initial.rebalance.delay.ms": "0",
  // The usual one takes 128 MiB of heap at the start.
  "log.cleaner.dedupe.buffer.size": "1048577",
  "num.network.threads": "2",
  "num.io.threads": "4",
  "background.threads": "1",
  "controlled.shutdown.enable": "false",
  "group.consumer.min.heartbeat.interval.ms": "100",
  "group.consumer.heartbeat.interval.ms": "300",
  "group.min.session.timeout.ms": "1000",
  // A broker that was killed is let in again when this is over. With 1 s a busy machine fences its own broker.
  "broker.session.timeout.ms": "4000",
  "broker.heartbeat.interval.ms": "500",
  "auto.create.topics.enable": "false",
};

const logging = `status = error
rootLogger.level = warn
rootLogger.appenderRefs = out
rootLogger.appenderRef.out.ref = out
appender.out.type = Console
appender.out.name = out
appender.out.layout.type = PatternLayout
appender.out.layout.pattern = %d %p %c: %m%n
`;

/** A program that is missing, with what to do about it. */
export class NoJava extends Error {}

/** The command of a Java that is new enough. Throws {@link NoJava}. */
export function findJava(environment = process.env) {
  const home = environment.JAVA_HOME ? join(environment.JAVA_HOME, "bin", "java") : undefined;
  const found = home && existsSync(home) ? home : onPath("java", environment);
  if (found === undefined) throw new NoJava("java is missing");
  // It tells its version on standard error; asked so, on standard output.
  const said = execFileSync(found, ["--version"], { encoding: "utf8" });
  const major = Number.parseInt(/\s(\d+)/.exec(said)?.[1] ?? "0", 10);
  if (major < leastJava) throw new NoJava(`java is ${major}, and Kafka wants ${leastJava}`);
  return found;
}

function onPath(program, environment = process.env) {
  return (environment.PATH ?? "")
    .split(delimiter)
    .map((folder) => join(folder, program))
    .find((path) => existsSync(path));
}

/** Java and Maven, installed where we may do that. Throws {@link NoJava} naming what is missing. */
function requireTools(say) {
  const missing = missingTools();
  if (missing.length === 0) return;
  const mayInstall = process.getuid?.() === 0 && onPath("apt-get") !== undefined;
  if (!mayInstall) throw new NoJava(missing.join(" and "));
  say(`installing ${debianPackages.join(" and ")} for Kafka, once …`);
  const env = { ...process.env, DEBIAN_FRONTEND: "noninteractive" };
  const apt = (...args) => execFileSync("apt-get", ["-qq", ...args], { env, stdio: "pipe" });
  try {
    apt("update");
    apt("install", "--yes", "--no-install-recommends", ...debianPackages);
  } catch (error) {
    throw new NoJava(`${missing.join(" and ")}, and apt-get failed: ${lastLine(error.stderr)}`);
  }
  const still = missingTools();
  if (still.length > 0) throw new NoJava(still.join(" and "));
}

function missingTools() {
  const missing = [];
  try {
    findJava();
  } catch (error) {
    missing.push(error.message);
  }
  if (onPath("mvn") === undefined) missing.push("mvn is missing");
  return missing;
}

function lastLine(text) {
  return String(text ?? "")
    .trim()
    .split("\n")
    .at(-1);
}

/**
 * Fills an empty `target`: `libs/`, `log4j2.properties`, `bootstrap.checkpoint` (what a formatted folder begins with),
 * `classes.jsa`, and the `version`.
 * @param {string} target
 * @param {(text: string) => void} say
 */
export async function bringKafka(target, say) {
  requireTools(say);
  copyJars(pom, target);
  writeFileSync(join(target, "log4j2.properties"), logging);
  const work = join(target, "first");
  await formatFolder(target, work);
  writeFileSync(join(target, beginning), readFileSync(join(work, "data", beginning)));
  rmSync(work, { recursive: true, force: true });
}

/**
 * Fills an empty `target` with the `libs/` of a broker of another time, which keeps its metadata in the ZooKeeper among them.
 * @param {string} artifact
 * @param {string} version
 */
export function bringOldKafka(artifact, version) {
  return (target, say) => {
    requireTools(say);
    copyJars(oldPom, target, [`-Dkafka.artifact=${artifact}`, `-Dkafka.version=${version}`]);
  };
}

function copyJars(file, target, more = []) {
  const args = ["-q", "-B", "-f", file, "dependency:copy-dependencies", "-DincludeScope=runtime"];
  const output = `-DoutputDirectory=${join(target, "libs")}`;
  execFileSync(onPath("mvn") ?? "mvn", [...args, ...more, output], { stdio: "pipe" });
}

/** The version of the broker in a folder, by its jar. */
export function kafkaVersion(folder) {
  const jar = readdirSync(join(folder, "libs")).find((name) =>
    /^kafka_2\.\d+-[\d.]+\.jar$/.test(name),
  );
  return jar?.replace(/^kafka_2\.\d+-|\.jar$/g, "") ?? "";
}

/**
 * The command that starts a broker.
 * @param {string} folder where {@link bringKafka} has put it
 * @param {string} configuration its properties
 * @param {readonly string[]} options of Java's; else those of a small broker that starts quickly
 */
export function brokerCommand(folder, configuration, options = smallJava) {
  const archive = join(folder, "classes.jsa");
  const shared =
    options === smallJava && existsSync(archive) ? [`-XX:SharedArchiveFile=${archive}`] : [];
  const command = [...shared, ...options, ...classOptions(folder)];
  return [findJava(), ...command, "kafka.Kafka", configuration];
}

/**
 * The command that runs a tool of Kafka's.
 * @param {string} folder where {@link bringKafka} has put it
 * @param {string} tool its class
 * @param {readonly string[]} options of Java's
 */
export function toolCommand(folder, tool, options) {
  return [findJava(), ...options, ...classOptions(folder), tool];
}

/**
 * The command that runs a class of an old broker's jars.
 * @param {string} folder where {@link bringOldKafka} has put them
 * @param {string} main its class
 * @param {readonly string[]} args its arguments
 */
export function oldCommand(folder, main, args) {
  return [findJava(), ...smallJava, "-cp", join(folder, "libs", "*"), main, ...args];
}

const smallJava = ["-Xmx96m", "-Xms32m", "-Xss512k", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC"];

function javaOptions(folder) {
  return [...smallJava, ...classOptions(folder)];
}

function classOptions(folder) {
  return [
    // What does not fit the archive is no news: the broker starts without it.
    "-Xlog:disable",
    "-Xlog:all=error:stderr",
    `-Dlog4j2.configurationFile=file:${join(folder, "log4j2.properties")}`,
    "-cp",
    join(folder, "libs", "*"),
  ];
}

/**
 * The properties of one broker of a cluster.
 * @param {{ node: number, data: string, controllers: string, replicas: number, listeners: string,
 *   advertised: string, isController: boolean, settings?: Readonly<Record<string, string>> }} broker
 */
export function brokerProperties(broker) {
  const { node, data, controllers, replicas, listeners, advertised, isController } = broker;
  const inSync = String(Math.max(1, replicas - 1));
  const all = {
    ...commonSettings,
    "process.roles": isController ? "broker,controller" : "broker",
    "node.id": String(node),
    "log.dirs": data,
    "controller.quorum.voters": controllers,
    listeners,
    "advertised.listeners": advertised,
    "offsets.topic.replication.factor": String(replicas),
    "default.replication.factor": String(replicas),
    "transaction.state.log.replication.factor": String(replicas),
    "transaction.state.log.min.isr": inSync,
    "share.coordinator.state.topic.replication.factor": String(replicas),
    "share.coordinator.state.topic.min.isr": inSync,
    ...broker.settings,
  };
  return Object.entries(all)
    .map(([name, value]) => `${name}=${value}\n`)
    .join("");
}

/** Makes `work/data` and `work/server.properties` of a broker; gives its port. */
async function formatFolder(folder, work) {
  mkdirSync(work, { recursive: true });
  const [port, controllerPort] = [await freePort(), await freePort()];
  const configuration = join(work, "server.properties");
  const client = `PLAINTEXT://127.0.0.1:${port}`;
  writeFileSync(
    configuration,
    brokerProperties({
      node: 1,
      data: join(work, "data"),
      controllers: `1@127.0.0.1:${controllerPort}`,
      replicas: 1,
      listeners: `${client},CONTROLLER://127.0.0.1:${controllerPort}`,
      advertised: client,
      isController: true,
    }),
  );
  const format = ["format", "-t", "AAAAAAAAAAAAAAAAAAAAAA", "-c", configuration];
  execFileSync(findJava(), [...javaOptions(folder), "kafka.tools.StorageTool", ...format], {
    stdio: "pipe",
  });
  return { port, configuration };
}

/**
 * Runs a broker once that writes down the classes that it has loaded; in the folder where it stays, for the paths of its jars
 * are in the archive. Without the archive a broker takes a second longer to start.
 * @param {string} folder
 */
export async function archiveClasses(folder) {
  const work = join(folder, "first-run");
  const { port, configuration } = await formatFolder(folder, work);
  await runOnce(folder, configuration, port);
  rmSync(work, { recursive: true, force: true });
}

async function runOnce(target, configuration, port) {
  const archive = join(target, "classes.jsa");
  const options = [`-XX:ArchiveClassesAtExit=${archive}.new`, ...javaOptions(target)];
  const broker = spawn(findJava(), [...options, "kafka.Kafka", configuration], { stdio: "ignore" });
  const ended = new Promise((resolve) => broker.once("close", resolve));
  const deadline = Date.now() + startDeadlineMs;
  while (broker.exitCode === null && Date.now() < deadline && !(await isTaken(port)))
    await new Promise((resolve) => setTimeout(resolve, 200));
  // Whatever it does when it has nothing to do, loaded too.
  await new Promise((resolve) => setTimeout(resolve, 2_000));
  broker.kill("SIGTERM");
  const late = setTimeout(() => broker.kill("SIGKILL"), startDeadlineMs);
  await ended;
  clearTimeout(late);
  if (existsSync(`${archive}.new`)) renameSync(`${archive}.new`, archive);
}

function freePort() {
  return new Promise((resolve) => {
    const probe = createServer();
    probe.listen(0, "127.0.0.1", () => {
      const { port } = probe.address();
      probe.close(() => resolve(port));
    });
  });
}

function isTaken(port) {
  return new Promise((resolve) => {
    const probe = createServer();
    probe.once("error", () => resolve(true));
    probe.listen(port, "127.0.0.1", () => probe.close(() => resolve(false)));
  });
}
