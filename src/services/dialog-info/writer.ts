// RFC 4235 4: application/dialog-info+xml, from values to text.
import { escapeXml } from '#src/base/xml.ts';
import {
  DIALOG_INFO_NS,
  type DialogInfo,
  type DialogInfoEntry,
  type DialogParty,
  type NamedUri,
} from './dialog-info.ts';

export function writeDialogInfo({ version, state, entity, dialogs }: DialogInfo): string {
  const head = attributes({ xmlns: DIALOG_INFO_NS, version, state, entity });
  return `<?xml version="1.0" encoding="UTF-8"?>\n<dialog-info${head}>\n${dialogs.map(entry).join('')}</dialog-info>\n`;
}

function entry(dialog: DialogInfoEntry): string {
  const { id, callId, localTag, remoteTag, direction, state, event, code, duration, replaces } = dialog;
  const name = attributes({
    id,
    'call-id': callId,
    'local-tag': localTag,
    'remote-tag': remoteTag,
    direction,
  });
  const before =
    replaces &&
    `<replaces${attributes({ 'call-id': replaces.callId, 'local-tag': replaces.localTag, 'remote-tag': replaces.remoteTag })}/>`;
  // The order of the schema (RFC 4235 4.4).
  const parts = [
    `<state${attributes({ event, code })}>${state}</state>`,
    duration === undefined ? '' : `<duration>${Math.floor(duration)}</duration>`,
    before ?? '',
    dialog.referredBy ? named('referred-by', dialog.referredBy) : '',
    party('local', dialog.local),
    party('remote', dialog.remote),
  ];
  return ` <dialog${name}>\n${parts.map((part) => (part === '' ? '' : `  ${part}\n`)).join('')} </dialog>\n`;
}

function party(name: 'local' | 'remote', { identity, target }: DialogParty): string {
  if (!identity && !target) return '';
  const params = Object.entries(target?.params ?? {}).map(
    ([pname, pval]) => `<param${attributes({ pname, pval })}/>`,
  );
  const at = target ? `<target${attributes({ uri: target.uri })}>${params.join('')}</target>` : '';
  return `<${name}>${identity ? named('identity', identity) : ''}${at}</${name}>`;
}

const named = (element: string, { uri, name }: NamedUri): string =>
  `<${element}${attributes({ display: name })}>${escapeXml(uri)}</${element}>`;

const attributes = (values: Readonly<Record<string, string | number | undefined>>): string =>
  Object.entries(values)
    .map(([name, value]) => (value === undefined ? '' : ` ${name}="${escapeXml(String(value))}"`))
    .join('');
