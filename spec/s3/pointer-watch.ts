/**
 * Watches the bucket of a system: whenever its pointer is written, all parts that it names must stand there, whole, and must have been
 * checked: stored with a checksum that the service compared, or read back since.
 */
import { itemOfContent } from '../../lib/s3/item-content.js';
import { unframeObject } from '../../lib/s3/object-frame.js';
import type { S3StandIn } from '../support/s3-stand-in.js';

interface PointerShape {
  readonly d: {
    readonly M: {
      readonly kept: {
        readonly L: readonly {
          readonly M: { readonly id: { readonly S: string }; readonly parts: N; readonly bytes: N };
        }[];
      };
    };
  };
}
interface N {
  readonly N: string;
}

export interface PointerWatch {
  /** How often the pointer was written, and how many parts it named in all. */
  readonly seen: { pointers: number; parts: number };
  /** What must not be. */
  readonly findings: readonly string[];
}

export function watchPointer(standIn: S3StandIn, bucket: string, prefix: string): PointerWatch {
  const seen = { pointers: 0, parts: 0 };
  const findings: string[] = [];
  const checked = new Set<string>();
  const contentOf = (key: string): Uint8Array | undefined => {
    const body = standIn.object(bucket, key)?.body;
    const unframed = body && unframeObject(body);
    return unframed && 'content' in unframed ? unframed.content : undefined;
  };
  const before = standIn.onAnswer;
  standIn.onAnswer = (request) => {
    before?.(request);
    const { operation, key, status } = request;
    if (request.bucket !== bucket || status !== 200) return;
    if (operation === 'GetObject' || (operation === 'PutObject' && request.checked)) checked.add(key);
    if (operation !== 'PutObject' || key !== `${prefix}/snap`) return;
    seen.pointers += 1;
    const content = contentOf(key);
    if (content === undefined) {
      findings.push('the pointer itself is damaged');
      return;
    }
    const { kept } = (itemOfContent(content, 'id', key) as unknown as PointerShape).d.M;
    for (const { M: entry } of kept.L) {
      let bytes = 0;
      for (let part = 0; part < Number(entry.parts.N); part += 1) {
        const name = `${prefix}/part/${entry.id.S}/${part}`;
        const found = contentOf(name);
        seen.parts += 1;
        bytes += found?.length ?? 0;
        if (found === undefined) findings.push(`the pointer names ${name}, which is not there or not whole`);
        else if (!checked.has(name)) findings.push(`the pointer names ${name}, which nobody has checked`);
      }
      if (bytes !== Number(entry.bytes.N))
        findings.push(`snapshot ${entry.id.S} has not the bytes that the pointer says`);
    }
  };
  return { seen, findings };
}
