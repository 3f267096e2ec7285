/**
 * Names: of streams, of what is stored of them, of the categories that they belong to.
 *
 *   account-7        ─► events/account-7/head, events/account-7/page/0, …
 *   a:b, a/b, ä%1    ─► any characters; '%' and '/' are escaped, so no two names meet
 *
 * What a store keeps beside its streams has a name that begins with '@', and no stream's escaped name does.
 */

/** Room in a key for what comes behind the name: see `journalKeys`. */
const nameBytesMax = 512;

/** @throws TypeError, RangeError for what can name no stream. */
export function requireStreamName(action: string, stream: unknown): string {
  return requireName(action, 'the name of a stream', stream);
}

/** @throws TypeError, RangeError for what can name nothing, nor be a part of a name. */
export function requireName(action: string, what: string, name: unknown): string {
  if (typeof name !== 'string') throw new TypeError(`Cannot ${action}: ${what} must be a string: ${typeof name}`);
  if (name === '') throw new RangeError(`Cannot ${action}: ${what} must not be empty`);
  if (Buffer.from(name).toString() !== name) {
    throw new RangeError(`Cannot ${action}: ${what} has half of a surrogate pair: ${JSON.stringify(name)}`);
  }
  return name;
}

/** @throws TypeError, RangeError for what can be no id of an aggregate. */
export function requireAggregateId(id: unknown): string {
  return requireName('use an aggregate', 'the id of an aggregate', id);
}

/** A name as a part of a key: without '/', and not beginning with '@'. */
export function escapeName(name: string): string {
  const escaped = name.replaceAll('%', '%25').replaceAll('/', '%2F');
  return escaped.startsWith('@') ? `%40${escaped.slice(1)}` : escaped;
}

/** The name behind {@link escapeName}. */
export function unescapeName(escaped: string): string {
  return escaped.replace(/^%40/, '@').replaceAll('%2F', '/').replaceAll('%25', '%');
}

/** The name of a stream's journal. @throws RangeError when it is too long. */
export function journalNameOf(store: string, stream: string): string {
  const name = `${store}/${escapeName(stream)}`;
  const bytes = Buffer.byteLength(name);
  if (bytes > nameBytesMax) {
    throw new RangeError(
      `Cannot name a stream: its name has ${bytes} bytes with that of the store and escapes, the limit is ${nameBytesMax}: ${stream.slice(0, 40)}…`,
    );
  }
  return name;
}

/** The stream of an aggregate: `<type>-<id>`, where a '-' in the type is escaped, so that no two of them meet. */
export function streamOf(type: string, id: string): string {
  return `${escapeType(type)}-${id}`;
}

/** The name of an aggregate type as the category of its streams. */
export function escapeType(type: string): string {
  return type.replaceAll('%', '%25').replaceAll('-', '%2D');
}

/** The part of a stream's name before its first '-'. */
export function categoryOf(stream: string): string {
  const at = stream.indexOf('-');
  return at === -1 ? stream : stream.slice(0, at);
}

/** The stream of whose head this is the name; `undefined` for all other items. */
export function streamOfHead(store: string, name: string): string | undefined {
  const [own, stream, head, ...more] = name.split('/');
  const isHead = own === store && head === 'head' && more.length === 0;
  // What the store keeps beside its streams begins with '@'.
  return !isHead || stream === undefined || stream === '' || stream.startsWith('@') ? undefined : unescapeName(stream);
}
