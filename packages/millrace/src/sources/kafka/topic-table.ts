/** The table of messages that do not name theirs: the last two parts of the topic's name; `public` where it has one. */
export function tableOfTopic(topic: string): { readonly schema: string; readonly table: string } {
  const parts = topic.split(".").filter((part) => part !== "");
  const table = parts.at(-1) ?? topic;
  return { schema: parts.at(-2) ?? "public", table };
}

/** The name of the task that reads a partition. */
export function shareName(topic: string, partition: number): string {
  return `${topic}-${partition}`;
}

/** Topic and partition of a task's name. */
export function shareParts(share: string): { readonly topic: string; readonly partition: number } {
  const at = share.lastIndexOf("-");
  return { topic: share.slice(0, at), partition: Number(share.slice(at + 1)) };
}
