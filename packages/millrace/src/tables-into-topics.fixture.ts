/** Brokers, and a database whose tables go to them. */
import { type SharedKafka, sharedKafka } from "../../../test/support/kafka.ts";
import { clusterAt } from "./kafka/cluster.fixture.ts";
import type { Cluster } from "./kafka/cluster.ts";
import { type TablesBetween, tablesBetween } from "./tables-between.fixture.ts";

/** What a test of both works with. */
interface IntoTopics {
  readonly kafka: SharedKafka;
  readonly between: TablesBetween;
  /** A client of the brokers. */
  readonly cluster: Cluster;
  readonly release: () => Promise<void>;
}

/** To be released. */
export async function tablesIntoTopics(): Promise<IntoTopics> {
  const [kafka, between] = await Promise.all([sharedKafka(), tablesBetween()]);
  const cluster = clusterAt(kafka.bootstrap);
  const release = async (): Promise<void> => {
    await cluster.close();
    await Promise.all([kafka.release(), between.release()]);
  };
  return { kafka, between, cluster, release };
}
