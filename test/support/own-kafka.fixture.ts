/** A program that starts a broker, says where it is, and waits to be killed (kafka.kafka.test.ts). */
import { startKafka } from "./kafka.ts";

const { bootstrap, brokers } = await startKafka();
console.log(JSON.stringify({ bootstrap, dataDir: brokers[0]?.dataDir }));
setInterval(() => undefined, 1000);
