export { lostConnection } from "../../bytes/byte-source.ts";
