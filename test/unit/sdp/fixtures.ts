// Written down from the documents named beside each: the media part of real offers, with our session lines on top.

const session = (...media: string[]): Buffer =>
  Buffer.from(
    [
      'v=0',
      'o=alice 2890844526 2890844526 IN IP4 host.atlanta.example.com',
      's= ',
      'c=IN IP4 192.0.2.1',
      't=0 0',
      ...media,
    ]
      .map((line) => `${line}\r\n`)
      .join(''),
  );

/** 26.114 table A.1.2: one-phase offer of an MTSI client, both codecs in both forms, with capability negotiation. */
export const A_1_2 = session(
  'm=audio 49152 RTP/AVP 97 98 99 100',
  'a=tcap:1 RTP/AVPF',
  'a=pcfg:1 t=1',
  'a=rtpmap:97 AMR-WB/16000/1',
  'a=fmtp:97 mode-change-capability=2; max-red=220',
  'a=rtpmap:98 AMR-WB/16000/1',
  'a=fmtp:98 mode-change-capability=2; max-red=220; octet-align=1',
  'a=rtpmap:99 AMR/8000/1',
  'a=fmtp:99 mode-change-capability=2; max-red=220',
  'a=rtpmap:100 AMR/8000/1',
  'a=fmtp:100 mode-change-capability=2; max-red=220; octet-align=1',
  'a=ptime:20',
  'a=maxptime:240',
);

/** 26.114 table A.1.4: the second phase, octet-aligned only, profile AVPF named directly. */
export const A_1_4 = session(
  'm=audio 49152 RTP/AVPF 97 98',
  'a=rtpmap:97 AMR-WB/16000/1',
  'a=fmtp:97 mode-change-capability=2; max-red=220; octet-align=1',
  'a=rtpmap:98 AMR/8000/1',
  'a=fmtp:98 mode-change-capability=2; max-red=220; octet-align=1',
  'a=ptime:20',
  'a=maxptime:240',
);

/** 26.114 table A.2.1: a gateway to GSM, narrowband only (we have no codec in common). */
export const A_2_1 = session(
  'm=audio 49152 RTP/AVP 97',
  'a=tcap:1 RTP/AVPF',
  'a=pcfg:1 t=1',
  'a=rtpmap:97 AMR/8000/1',
  'a=fmtp:97 mode-set=0,2,4,7; mode-change-period=2, mode-change-neighbor=1; mode-change-capability=2; max-red=0',
  'a=ptime:20',
  'a=maxptime:80',
);

/** 26.114 table A.2.4: a gateway to GSM with wideband, mode-sets and restrictions, the comma as printed. */
export const A_2_4 = session(
  'm=audio 49152 RTP/AVP 98 97',
  'a=tcap:1 RTP/AVPF',
  'a=pcfg:1 t=1',
  'a=rtpmap:97 AMR/8000/1',
  'a=fmtp:97 mode-set=0,2,4,7; mode-change-period=2, mode-change-neighbor=1; mode-change-capability=2; max-red=0',
  'a=rtpmap:98 AMR-WB/16000/1',
  'a=fmtp:98 mode-set=0,1,2; mode-change-period=2, mode-change-neighbor=1; mode-change-capability=2; max-red=0',
  'a=ptime:20',
  'a=maxptime:80',
);

/** 34.229-1 C.11 step 1: what the conformance tester offers, with preconditions and session bandwidth. */
export const MT_OFFER = Buffer.from(
  `${[
    'v=0',
    'o=- 1111111111 1111111111 IN IP6 2001:db8::1',
    's=-',
    'c=IN IP6 2001:db8::1',
    'b=AS:37',
    't=0 0',
    'm=audio 49152 RTP/AVP 97 98 99 100',
    'b=AS:37',
    'b=RS:0',
    'b=RR:2000',
    'a=rtpmap:97 AMR-WB/16000/1',
    'a=fmtp:97 mode-change-capability=2; max-red=220',
    'a=rtpmap: 98 telephone-event/16000',
    'a=fmtp: 98 0-15',
    'a=rtpmap:99 AMR/8000/1',
    'a=fmtp:99 mode-change-capability=2; max-red=220',
    'a=rtpmap: 100 telephone-event/8000',
    'a=fmtp: 100 0-15',
    'a=ptime:20',
    'a=maxptime:240',
    'a=curr:qos local sendrecv',
    'a=curr:qos remote none',
    'a=des:qos mandatory local sendrecv',
    'a=des:qos optional remote sendrecv',
  ].join('\r\n')}\r\n`,
);

/** RFC 4317 2.1: audio and two video codecs. */
export const RFC4317_2_1 = session(
  'm=audio 49170 RTP/AVP 0 8 97',
  'a=rtpmap:0 PCMU/8000',
  'a=rtpmap:8 PCMA/8000',
  'a=rtpmap:97 iLBC/8000',
  'm=video 51372 RTP/AVP 31 32',
  'a=rtpmap:31 H261/90000',
  'a=rtpmap:32 MPV/90000',
);

/** RFC 4317 2.4: two audio streams, the second for telephone events only. */
export const RFC4317_2_4 = session(
  'm=audio 49170 RTP/AVP 0 97',
  'a=rtpmap:0 PCMU/8000',
  'a=rtpmap:97 iLBC/8000',
  'm=audio 49172 RTP/AVP 98',
  'a=rtpmap:98 telephone-event/8000',
  'a=sendonly',
);

/** RFC 4317 3.1, third message: the same session put on hold. */
export const RFC4317_3_1_HOLD = Buffer.from(
  `${[
    'v=0',
    'o=alice 2890844526 2890844527 IN IP4 host.atlanta.example.com',
    's= ',
    'c=IN IP4 192.0.2.1',
    't=0 0',
    'm=audio 49170 RTP/AVP 0 97',
    'a=rtpmap:0 PCMU/8000',
    'a=rtpmap:97 iLBC/8000',
    'a=sendonly',
  ].join('\r\n')}\r\n`,
);

/** The PCMU call that `RFC4317_3_1_HOLD` holds. */
export const PCMU_OFFER = session(
  'm=audio 49170 RTP/AVP 0 97',
  'a=rtpmap:0 PCMU/8000',
  'a=rtpmap:97 iLBC/8000',
);

export const withSession = session;

const FEEDBACK = [
  'a=rtcp-fb:* trr-int 5000',
  'a=rtcp-fb:* nack',
  'a=rtcp-fb:* nack pli',
  'a=rtcp-fb:* ccm fir',
  'a=rtcp-fb:* ccm tmmbr',
];

const AUDIO = [
  'm=audio 49152 RTP/AVP 97',
  'a=rtpmap:97 AMR-WB/16000/1',
  'a=fmtp:97 mode-change-capability=2; max-red=220',
];

/** 26.114 table A.4.10a: sizes by imageattr, tcap at the session level as printed (before the first m= line). */
export const A_4_10A = session(
  'a=tcap:1 RTP/AVPF',
  ...AUDIO,
  'm=video 49154 RTP/AVP 99',
  'b=AS:315',
  'b=RS:0',
  'b=RR:2500',
  'a=pcfg:1 t=1',
  'a=rtpmap:99 H264/90000',
  'a=fmtp:99 packetization-mode=0; profile-level-id=42e00c; sprop-parameter-sets=J0LgDJWgUH6Af1A=,KM46gA==',
  'a=imageattr:99 send [x=176,y=144] [x=224,y=176] [x=272,y=224] [x=320,y=240] recv [x=176,y=144] [x=224,y=176] [x=272,y=224,q=0.6] [x=320,y=240]',
  ...FEEDBACK,
  'a=extmap:4 urn:3gpp:video-orientation',
);

/** 26.114 table A.4.12ac: two payload types of H.264, 3.1 and 1.2, both in mode 0. */
export const A_4_12AC = session(
  'a=tcap:1 RTP/AVPF',
  ...AUDIO,
  'm=video 49154 RTP/AVP 99 100',
  'b=AS:900',
  'b=RS:0',
  'b=RR:2500',
  'a=pcfg:1 t=1',
  'a=rtpmap:99 H264/90000',
  'a=fmtp:99 packetization-mode=0; profile-level-id=42e01f; sprop-parameter-sets=Z0KAHpWgKA9oB/U=,aM46gA==',
  'a=imageattr:99 send [x=640,y=480] recv [x=640,y=480]',
  'a=rtpmap:100 H264/90000',
  'a=fmtp:100 packetization-mode=0; profile-level-id=42e00c; sprop-parameter-sets=J0LgDJWgUH6Af1A=,KM46gA==',
  'a=imageattr:100 send [x=320,y=240] recv [x=320,y=240]',
  ...FEEDBACK,
  'a=extmap:4 urn:3gpp:video-orientation',
);

/** 26.114 table A.4.12: the second offer, AVPF named directly. */
export const A_4_12 = session(
  ...AUDIO,
  'm=video 49154 RTP/AVPF 99',
  'b=AS:107',
  'b=RS:0',
  'b=RR:2500',
  'a=rtpmap:99 H264/90000',
  'a=fmtp:99 packetization-mode=0;profile-level-id=42e00b; sprop-parameter-sets=Z0LgC5ZUCg/I,aM4BrFSAa',
  'a=imageattr:99 send [x=320,y=240] recv [x=272,y=224]',
  ...FEEDBACK,
  'a=extmap:4 urn:3gpp:video-orientation',
);

/** 26.114 table A.4.13: asymmetric streams, default level 1.3 and up to 3.1 to be received. */
export const A_4_13 = session(
  ...AUDIO,
  'm=video 49154 RTP/AVP 99',
  'b=AS:2000',
  'b=RS:0',
  'b=RR:5000',
  'a=tcap:1 RTP/AVPF',
  'a=pcfg:1 t=1',
  'a=rtpmap:99 H264/90000',
  'a=fmtp:99 packetization-mode=0; profile-level-id=42e00d; sprop-parameter-sets=J0LgDJWgUH6Af1A=,KM46gA==; level-asymmetry-allowed=1; max-recv-level=e01f',
  'a=imageattr:99 send [x=320,y=240] [x=640,y=480] recv [x=320,y=240] [x=640,y=480] [x=1280,y=720]',
  ...FEEDBACK,
  'a=extmap:4 urn:3gpp:video-orientation',
);

/** 26.114 table A.4.16: H.265 first, then H.264 at two sizes. */
export const A_4_16 = session(
  ...AUDIO,
  'm=video 49154 RTP/AVP 98 97 100 99',
  'b=AS:690',
  'b=RS:0',
  'b=RR:5000',
  'a=tcap:1 RTP/AVPF',
  'a=pcfg:1 t=1',
  'a=rtpmap:100 H264/90000',
  'a=fmtp:100 packetization-mode=0; profile-level-id=42e01f; sprop-parameter-sets=Z0KAHpWgNQ9oB/U=,aM46gA==',
  'a=imageattr:100 send [x=848,y=480] recv [x=848,y=480]',
  'a=rtpmap:99 H264/90000',
  'a=fmtp:99 packetization-mode=0; profile-level-id=42e01f; sprop-parameter-sets=Z0KADZWgUH6Af1A=,aM46gA==',
  'a=imageattr:99 send [x=320,y=240] recv [x=320,y=240]',
  'a=rtpmap:98 H265/90000',
  'a=fmtp:98 profile-id=1; level-id=93; sprop-pps=RAHAcYDZIA==',
  'a=rtpmap:97 H265/90000',
  'a=fmtp:97 profile-id=1; level-id=93; sprop-pps=RAHAcYDZIA==',
  ...FEEDBACK,
  'a=extmap:4 urn:3gpp:video-orientation',
);
