// What the tests call in a page, with Laravel Echo on pusher-js, in Echo's own words.
// `heard` gets everything, as [channel, event, data]; channels go by their full names.

const { key, options } = await (await fetch('/client.json')).json();
// The build for pages without a bundler is a module object.
const echo = new Echo.default({ broadcaster: 'pusher', key, ...options });
window.pusher = echo.connector.pusher;
window.heard = [];

window.socketId = () => echo.socketId();

/** Echo adds the prefix by itself, so it is taken off. */
const channelOf = (name) => {
  const [, kind, rest] = /^(private-|presence-|)(.*)$/.exec(name);
  if (kind === 'private-') return echo.private(rest);
  return kind === 'presence-' ? echo.join(rest) : echo.channel(rest);
};

const listenOn = (channel, name, events) => {
  channel.subscribed(() => heard.push([name, 'subscribed', null]));
  channel.error((error) => heard.push([name, 'refused', error.status]));
  for (const event of events) {
    const hear = (data) => heard.push([name, event, data]);
    // A leading dot: the name is the whole name, without a PHP namespace.
    if (event.startsWith('client-')) channel.listenForWhisper(event.slice('client-'.length), hear);
    else channel.listen(`.${event}`, hear);
  }
};

window.listen = (name, ...events) => listenOn(channelOf(name), name, events);

window.join = (name, ...events) => {
  const channel = channelOf(name);
  channel
    .here((members) => heard.push([name, 'here', members.map((member) => member.name).sort()]))
    .joining((member) => heard.push([name, 'joined', member.name]))
    .leaving((member) => heard.push([name, 'left', member.name]));
  listenOn(channel, name, events);
};

window.say = (name, event, data) => channelOf(name).whisper(event, data);
