import type { TopicOptions } from "./options.ts";
import type { SeenTopic } from "./seen-topic.ts";

/** Wherein a topic that is there differs from those that are made. */
export function noticesOf(
  {
    partitions,
    replicationFactor,
    configs,
  }: Pick<TopicOptions, "partitions" | "replicationFactor" | "configs">,
  name: string,
  seen: SeenTopic,
): readonly string[] {
  const differing: string[] = [];
  if (partitions !== null && partitions !== seen.partitions)
    differing.push(`${seen.partitions} partitions, and topic.partitions is ${partitions}`);
  if (replicationFactor !== null && replicationFactor !== seen.replicas)
    differing.push(
      `${seen.replicas} replicas of each partition, and topic.replication-factor is ${replicationFactor}`,
    );
  return [...differing, ...differingSettings(configs, seen)].map((what) => leftText(name, what));
}

/** Wherein a topic keeps less surely what it is told than `configs` ask. */
export function settingNotices(
  configs: ReadonlyMap<string, string>,
  name: string,
  seen: SeenTopic,
): readonly string[] {
  return differingSettings(configs, seen).map((what) => leftText(name, what));
}

function leftText(name: string, what: string): string {
  return `topic ${name} has ${what}: it is left as it is`;
}

function differingSettings(
  configs: ReadonlyMap<string, string>,
  { settings }: SeenTopic,
): readonly string[] {
  return [...configs].flatMap(([setting, wanted]) => {
    const found = settings?.get(setting);
    if (found === undefined || saysTheSame(found, wanted)) return [];
    return [`${setting} ${found}, and topic.configs says ${wanted}`];
  });
}

/** Brokers write lists and numbers in their own way. */
function saysTheSame(found: string, wanted: string): boolean {
  const words = (text: string): string =>
    text
      .split(",")
      .map((one) => one.trim())
      .toSorted()
      .join(",");
  return words(found) === words(wanted) || Number(found) === Number(wanted);
}
