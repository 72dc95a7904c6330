/** The command that starts a broker with these properties; by options of Java's, or as a small one that starts quickly. */
export function brokerCommand(
  folder: string,
  configuration: string,
  options?: readonly string[],
): string[];

/** The command that runs a tool of Kafka's, to which its arguments are added. */
export function toolCommand(folder: string, tool: string, options: readonly string[]): string[];

/** The command that runs a class of an old broker's jars. */
export function oldCommand(folder: string, main: string, args: readonly string[]): string[];

/** The version of the broker in a folder. */
export function kafkaVersion(folder: string): string;

/** The properties of one broker of a cluster. */
export function brokerProperties(broker: {
  readonly node: number;
  readonly data: string;
  readonly controllers: string;
  readonly replicas: number;
  readonly listeners: string;
  readonly advertised: string;
  readonly isController: boolean;
  readonly settings?: Readonly<Record<string, string>>;
}): string;
