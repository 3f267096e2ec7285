/**
 * Answers that a fault proxy makes up, in the form the service gives them: JSON with `__type`, the right content type and
 * an `x-amz-crc32` that fits; or the HTML page of some load balancer on the way.
 */
import { crc32 } from 'node:zlib';
import { type CannedAnswer, streamsOperations } from './fault-rules.js';

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
export function cannedAnswer(canned: CannedAnswer): WireAnswer {
  if (canned.body !== undefined || canned.type === undefined) {
    return wire(canned.status, 'text/html', canned.body ?? '', false);
  }
  const { status, type, message = `${type} made by a fault proxy`, members } = canned;
  return wire(
    status,
    'application/x-amz-json-1.0',
    JSON.stringify({ __type: namespace + type, message, ...members }),
    true,
  );
}

/** 500 as the service says it, or 503 as something before the service says it. */
export function serverError(html: boolean): WireAnswer {
  if (!html) return cannedAnswer({ status: 500, type: 'InternalServerError', message: 'Internal server error' });
  return cannedAnswer({ status: 503, body: '<html><body><h1>503 Service Unavailable</h1></body></html>' });
}

/** The table's throughput is used up, or the stream is asked too often. */
export function throttled(operation: string): WireAnswer {
  if (streamsOperations.includes(operation)) {
    return cannedAnswer({ status: 400, type: 'LimitExceededException', message: 'Rate exceeded for the stream.' });
  }
  const message = 'The level of configured provisioned throughput for the table was exceeded.';
  return cannedAnswer({ status: 400, type: 'ProvisionedThroughputExceededException', message });
}

/** Another transaction holds the item; a transaction is told so for its first action. */
export function conflict(operation: string, body: Buffer): WireAnswer {
  const message = 'Transaction is ongoing for the item';
  if (operation !== 'TransactWriteItems' && operation !== 'TransactGetItems') {
    return cannedAnswer({ status: 400, type: 'TransactionConflictException', message });
  }
  const actions = (JSON.parse(body.toString()) as { readonly TransactItems: readonly unknown[] }).TransactItems;
  const reasons = actions.map((_, index) =>
    index === 0 ? { Code: 'TransactionConflict', Message: message } : { Code: 'None' },
  );
  return cannedAnswer({
    status: 400,
    type: 'TransactionCanceledException',
    message: `Transaction cancelled, please refer cancellation reasons for specific reasons [${reasons.map((reason) => reason.Code).join(', ')}]`,
    members: { Message: undefined, CancellationReasons: reasons },
  });
}
