/**
 * Answers that a fault proxy makes up, in the form the service gives them: JSON with `__type`, the right content type and
 * an `x-amz-crc32` that fits; of S3, XML; or the HTML page of some load balancer on the way.
 */
import { crc32 } from 'node:zlib';
import { type CannedAnswer, streamsOperations } from './fault-rules.js';

/** What of a request an answer goes by. */
interface Asked {
  readonly operation: string;
  readonly isS3: boolean;
  readonly headers: readonly string[];
  readonly body: Buffer;
}

/** A whole HTTP answer. */
export interface WireAnswer {
  readonly status: number;
  readonly headers: readonly string[];
  readonly body: Buffer;
}

const namespace = 'com.amazonaws.dynamodb.v20120810#';

function wire(status: number, contentType: string, text: string, json: boolean): WireAnswer {
  const body = Buffer.from(text);
  const headers = ['Content-Type', contentType, 'Content-Length', String(body.length)];
  if (json) headers.push('x-amzn-RequestId', 'FAULT', 'x-amz-crc32', String(crc32(body)));
  return { status, headers, body };
}

/** The answer that a rule spells out. */
export function cannedAnswer(canned: CannedAnswer, { isS3 }: Pick<Asked, 'isS3'>): WireAnswer {
  const { status, type, message = `${type} made by a fault proxy`, members, body } = canned;
  if (body !== undefined || type === undefined) return wire(status, 'text/html', body ?? '', false);
  if (isS3) {
    const error = Object.entries({ Code: type, Message: message, ...members, RequestId: 'FAULT' });
    const inner = error.map(([name, value]) => `<${name}>${escaped(String(value))}</${name}>`).join('');
    return wire(status, 'application/xml', `<?xml version="1.0" encoding="UTF-8"?>\n<Error>${inner}</Error>`, false);
  }
  return wire(
    status,
    'application/x-amz-json-1.0',
    JSON.stringify({ __type: namespace + type, message, ...members }),
    true,
  );
}

const escaped = (text: string): string => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;');

/** 500 as the service says it, or 503 as something before the service says it. */
export function serverError(html: boolean, received: Asked): WireAnswer {
  if (html) {
    const body = '<html><body><h1>503 Service Unavailable</h1></body></html>';
    return cannedAnswer({ status: 503, body }, received);
  }
  const type = received.isS3 ? 'InternalError' : 'InternalServerError';
  return cannedAnswer({ status: 500, type, message: 'Internal server error' }, received);
}

/** The table's throughput is used up, the stream is asked too often, or there are too many requests for a prefix of keys. */
export function throttled(received: Asked): WireAnswer {
  const says = (status: number, type: string, message: string) => cannedAnswer({ status, type, message }, received);
  if (received.isS3) return says(503, 'SlowDown', 'Please reduce your request rate.');
  if (streamsOperations.includes(received.operation)) {
    return says(400, 'LimitExceededException', 'Rate exceeded for the stream.');
  }
  const message = 'The level of configured provisioned throughput for the table was exceeded.';
  return says(400, 'ProvisionedThroughputExceededException', message);
}

/** Another transaction holds the item, and a transaction is told so for its first action; or another write of the object is under way. */
export function conflict(received: Asked): WireAnswer {
  const { operation, body, isS3, headers } = received;
  if (isS3) {
    const isConditional = headers.some((word) => /^if-(none-)?match$/i.test(word));
    const type = isConditional ? 'ConditionalRequestConflict' : 'OperationAborted';
    return cannedAnswer({ status: 409, type, message: 'A conflicting operation is under way.' }, received);
  }
  const message = 'Transaction is ongoing for the item';
  if (operation !== 'TransactWriteItems' && operation !== 'TransactGetItems') {
    return cannedAnswer({ status: 400, type: 'TransactionConflictException', message }, received);
  }
  const actions = (JSON.parse(body.toString()) as { readonly TransactItems: readonly unknown[] }).TransactItems;
  const reasons = actions.map((_, index) =>
    index === 0 ? { Code: 'TransactionConflict', Message: message } : { Code: 'None' },
  );
  const canned = {
    status: 400,
    type: 'TransactionCanceledException',
    message: `Transaction cancelled, please refer cancellation reasons for specific reasons [${reasons.map((reason) => reason.Code).join(', ')}]`,
    members: { Message: undefined, CancellationReasons: reasons },
  };
  return cannedAnswer(canned, received);
}
