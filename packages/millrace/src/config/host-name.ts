import { isIPv6 } from "node:net";
import { z } from "zod";
import type { OptionType, Refusal } from "./option-type.ts";
import { optionType } from "./option-type.ts";

/** A URL may hold a password, so that neither it nor a part of it is ever shown. */
function aUrl(options: string): Refusal {
  return {
    wrong: "is a URL or holds a login",
    remedy: `Write each of its parts as an option of its own: ${options}`,
    hidden: true,
  };
}

const LOGIN = /:\/\/|@|^(?:jdbc:)?(?:postgres|postgresql):/i;

/** A host name, an address, or the folder of a Unix socket; `options` are what a URL comes apart into. */
export function hostName(options: string): OptionType<string> {
  return optionType<string>({
    name: "host name",
    json: { type: "string" },
    value: z.string(),
    decode: (value) => refusalOf(value, options) ?? value,
    encode: (value) => value,
  });
}

function refusalOf(value: string, options: string): Refusal | null {
  if (value === "") return { wrong: "is empty", remedy: "Write a host name" };
  if (LOGIN.test(value)) return aUrl(options);
  if (value.startsWith("/") || isIPv6(value)) return null;
  if (/^\[.*\]$/.test(value)) return { wrong: "is in brackets", remedy: "Write the address alone" };
  if (/^[^:]+:\d+$/.test(value))
    return { wrong: "holds a port", remedy: "Write the port as port: 5432 and the name alone" };
  if (/[\s:/?#[\]]/.test(value))
    return { wrong: "is not a host name", remedy: "Write a name or an address alone" };
  return null;
}

/** The name of a database, which a URL is often given for. */
export function databaseName(options: string): OptionType<string> {
  return optionType<string>({
    name: "text",
    json: { type: "string" },
    value: z.string(),
    decode: (value) => {
      if (value === "") return { wrong: "is empty", remedy: "Write a database's name" };
      return value.includes("://") ? aUrl(options) : value;
    },
    encode: (value) => value,
  });
}
