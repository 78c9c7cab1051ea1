// Every error becomes a status and `{"error": {id, message, detail}}` (the contract). Which one is a table.
import type { FastifyError } from 'fastify';
import { describe, systemCode, TandemError } from '#src/base/errors.ts';
import { faultSentence } from './faults.ts';

export interface ErrorBody {
  readonly error: {
    readonly id: string;
    readonly message: string;
    readonly detail: Readonly<Record<string, unknown>>;
  };
}

/** An error that has a status of its own. */
export class HttpError extends Error {
  readonly status: number;
  readonly body: ErrorBody;
  readonly headers: Readonly<Record<string, string>>;

  constructor(
    status: number,
    id: string,
    message: string,
    detail: Readonly<Record<string, unknown>> = {},
    headers: Readonly<Record<string, string>> = {},
  ) {
    super(message);
    this.status = status;
    this.body = { error: { id, message, detail } };
    this.headers = headers;
  }
}

export const unauthorized = (): HttpError =>
  new HttpError(401, 'unauthorized', 'The token is missing or wrong.', {}, { 'www-authenticate': 'Bearer' });
export const notFound = (what: string, detail: Readonly<Record<string, unknown>> = {}): HttpError =>
  new HttpError(404, 'not-found', `There is no such ${what}.`, detail);
export const notAvailable = (what: string): HttpError =>
  new HttpError(503, 'not-available', `This version cannot do this: ${what}.`);
export const badRequest = (message: string, detail: Readonly<Record<string, unknown>> = {}): HttpError =>
  new HttpError(400, 'bad-request', message, detail);

/** TandemError `web.listen` with `{address, code}`: why the server cannot listen there. */
export function listenError(address: string, cause: unknown): TandemError {
  const code = systemCode(cause) ?? describe(cause);
  const sentences: Readonly<Record<string, string>> = {
    EADDRINUSE: `The web address ${address} is already in use by another program.`,
    EACCES: `Tandem may not use the web address ${address}.`,
    EADDRNOTAVAIL: `This machine does not have the web address ${address}.`,
  };
  const sentence = sentences[code] ?? `The web address ${address} cannot be used (${code}).`;
  return new TandemError('caller', 'web.listen', sentence, { cause, detail: { address, code } });
}

/** Statuses of errors with a meaning of their own; the end of an id after the last dot, or the whole id. */
const STATUS_BY_ID: Readonly<Record<string, number>> = {
  'call.target': 400,
  'call.identity': 400,
  'call.digits': 400,
  'config.invalid': 400,
  'call.unknown': 404,
  'button.unknown': 404,
  'federation.unknown': 404,
  'call.participant': 404,
  'federation.unknown-device': 404,
  'federation.self': 409,
  'call.state': 409,
  'federation.not-pullable': 409,
  'call.no-dtmf': 409,
  // Not allowed on this device, whatever its state.
  'call.emergency': 409,
  // Of this device as it is configured: not the call's state, and not now.
  'call.no-video': 503,
  'audio.in-use': 409,
  'ut.target': 400,
  'ut.seconds': 400,
  'ut.not-provisioned': 409,
  'ut.alone': 409,
  'ut.conflict': 409,
  'ut.changed': 409,
};
const WRONG_STATE = 409;
const CANNOT_NOW = 503;
const OUR_DEFECT = 500;

function statusOf(error: TandemError): number {
  const known = STATUS_BY_ID[error.id];
  if (known !== undefined) return known;
  if (error.fault === 'caller' && error.id.startsWith('call.')) return WRONG_STATE;
  return error.fault === 'ours' ? OUR_DEFECT : CANNOT_NOW;
}

/** What fastify itself refuses, by its code. */
const FASTIFY_CODES: Readonly<Record<string, { status: number; id: string; message: string }>> = {
  FST_ERR_CTP_BODY_TOO_LARGE: { status: 413, id: 'too-large', message: 'The body is too large.' },
  FST_ERR_CTP_INVALID_MEDIA_TYPE: {
    status: 415,
    id: 'media-type',
    message: 'The body must be application/json.',
  },
  FST_ERR_CTP_INVALID_CONTENT_LENGTH: {
    status: 400,
    id: 'bad-request',
    message: 'The body is not as long as it says.',
  },
  FST_ERR_BAD_URL: { status: 400, id: 'bad-request', message: 'The URL is malformed.' },
  FST_ERR_MAX_PARAM_LENGTH: { status: 414, id: 'too-long', message: 'The URL is too long.' },
};

/** Never throws; `defect` is told of what is our own fault. */
export function answerFor(error: unknown, defect: (error: unknown) => void): HttpError {
  if (error instanceof HttpError) return error;
  if (error instanceof TandemError) {
    const status = statusOf(error);
    if (status === OUR_DEFECT) defect(error);
    return new HttpError(status, error.id, error.message, error.detail);
  }
  if (isFastifyError(error)) {
    if (error.validation)
      return badRequest(faultSentence(error.validation), { faults: error.validation.map(tellFault) });
    const known = FASTIFY_CODES[error.code];
    if (known) return new HttpError(known.status, known.id, known.message);
    if (error.statusCode !== undefined && error.statusCode < OUR_DEFECT)
      return new HttpError(error.statusCode, 'bad-request', error.message);
  }
  defect(error);
  return new HttpError(OUR_DEFECT, 'internal', 'Something failed inside Tandem.');
}

const isFastifyError = (error: unknown): error is FastifyError =>
  error instanceof Error && 'code' in error && typeof error.code === 'string';

const tellFault = (fault: {
  instancePath: string;
  message?: string | undefined;
  params: Record<string, unknown>;
}) => ({
  path: fault.instancePath,
  message: fault.message,
  ...('additionalProperty' in fault.params ? { key: fault.params.additionalProperty } : {}),
});
