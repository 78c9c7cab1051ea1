// What an offer and its answer settle for the audio stream: all that the media engine needs to know.
import type { Hertz, Milliseconds } from '#src/base/units.ts';
import type { AmrParameters, CodecName } from './codecs.ts';
import type { Direction } from './direction.ts';
import { receives, sends } from './direction.ts';
import type { AddressType, Connection, MediaDescription, SessionDescription } from './model.ts';

/** The two sides may number one format differently: each names what it wants to receive (RFC 3264 5.1, 6.1). */
export interface AgreedFormat {
  readonly sendPayloadType: number;
  readonly receivePayloadType: number;
  readonly clockRate: Hertz;
}

export interface AgreedCodec extends AgreedFormat {
  readonly name: CodecName;
  /** For AMR-WB: what the peer's parameters bind our encoder to. */
  readonly amr?: AmrParameters;
}

export interface RemoteAudio {
  readonly addressType: AddressType;
  /** A literal or a domain name. */
  readonly address: string;
  readonly port: number;
  readonly rtcp: { readonly address: string; readonly port: number };
}

/** RTCP bandwidths in bit/s as agreed; undefined is the default of RFC 3556 2. */
export interface AgreedRtcp {
  /** False when both modifiers are zero: none is sent, what comes is still taken (24.229 6.1, NG.114 3.6.3). */
  readonly enabled: boolean;
  readonly senders?: number;
  readonly receivers?: number;
}

export interface AudioAgreement {
  readonly remote: RemoteAudio;
  readonly codec: AgreedCodec;
  readonly dtmf?: AgreedFormat;
  /** Milliseconds in a packet that we send. */
  readonly ptime: Milliseconds;
  readonly rtcp: AgreedRtcp;
  /** As our own description says it. */
  readonly direction: Direction;
  readonly send: boolean;
  readonly receive: boolean;
  /** The peer holds us: it does not want to hear (24.610 4.5.2). */
  readonly heldByPeer: boolean;
}

/** Direction as `own` description says it; nothing goes to the zero address (RFC 3264 8.4). */
export function flowOf(
  own: Direction,
  peer: Direction,
  connection: Connection,
): Pick<AudioAgreement, 'direction' | 'send' | 'receive' | 'heldByPeer'> {
  return {
    direction: own,
    send: sends(own) && receives(peer) && !connection.unspecified,
    receive: receives(own) && sends(peer),
    heldByPeer: !receives(peer) || connection.unspecified,
  };
}

export function remoteAudio(media: MediaDescription, connection: Connection): RemoteAudio {
  const { addressType, address } = connection;
  const { port } = media.media;
  const rtcp = media.rtcp ?? { port: port + 1 };
  return { addressType, address, port, rtcp: { address: rtcp.address ?? address, port: rtcp.port } };
}

export function agreedRtcp(session: SessionDescription, media: MediaDescription): AgreedRtcp {
  const senders = media.bandwidth('RS') ?? session.bandwidth('RS');
  const receivers = media.bandwidth('RR') ?? session.bandwidth('RR');
  return {
    enabled: senders !== 0 || receivers !== 0,
    ...(senders === undefined ? {} : { senders }),
    ...(receivers === undefined ? {} : { receivers }),
  };
}
