// Puts data into the page's store; shows nothing.
export default function (component) {
  const { data } = component;
  if (!data) return;
  if (data instanceof Uint8Array) {
    const packet = unpack(data);
    publish(packet.part, packet);
  } else {
    publish(data.part, data);
  }
}
