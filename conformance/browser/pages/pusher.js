// What the tests call in a page, with pusher-js. `heard` gets everything, as [channel, event, data].

const { key, options } = await (await fetch('/client.json')).json();
const pusher = new Pusher(key, options);
window.pusher = pusher;
window.heard = [];
const hear = (channel, event) => (data) => heard.push([channel, event, data]);

window.socketId = () => pusher.connection.socket_id;

window.listen = (name, ...events) => {
  const channel = pusher.channel(name) ?? pusher.subscribe(name);
  channel.bind('pusher:subscription_succeeded', () => heard.push([name, 'subscribed', null]));
  channel.bind('pusher:subscription_error', (error) => heard.push([name, 'refused', error.status]));
  events.forEach((event) => channel.bind(event, hear(name, event)));
};

window.join = (name, ...events) => {
  listen(name, ...events);
  const channel = pusher.channel(name);
  channel.bind('pusher:subscription_succeeded', () => heard.push([name, 'here', names(channel)]));
  channel.bind('pusher:member_added', (member) => heard.push([name, 'joined', member.info.name]));
  channel.bind('pusher:member_removed', (member) => heard.push([name, 'left', member.info.name]));
};

const names = (channel) => {
  const list = [];
  channel.members.each((member) => list.push(member.info.name));
  return list.sort();
};

window.say = (name, event, data) => pusher.channel(name).trigger(`client-${event}`, data);

window.signIn = async (...events) => {
  events.forEach((event) => pusher.user.bind(event, hear('user', event)));
  pusher.bind('pusher:signin_success', () => heard.push(['user', 'signed in', null]));
  pusher.signin();
};
