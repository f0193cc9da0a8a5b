// The list of contents, which marks the section that is read; and what is packed until it is looked at.

// Below the window's top by so much, and a little more than a section that was jumped to, is what is read.
const LINE = 64;

function contents(nav) {
  const button = nav.querySelector("button");
  const list = nav.querySelector(".list");
  const links = [...nav.querySelectorAll("a")];
  const parts = links.map((link) => document.getElementById(link.hash.slice(1)));
  const footer = document.querySelector("footer");

  function present() {
    const { bottom } = footer.getBoundingClientRect();
    if (window.scrollY > 0 && bottom <= window.innerHeight) {
      // The last parts are too short to reach the line.
      const target = parts.find((part) => `#${part.id}` === location.hash);
      const top = target ? target.getBoundingClientRect().top : -1;
      return top >= 0 && top < window.innerHeight ? target : parts.at(-1);
    }
    return parts.findLast((part) => part.getBoundingClientRect().top <= LINE) ?? parts[0];
  }

  function mark() {
    const link = links[parts.indexOf(present())];
    if (link.hasAttribute("aria-current")) return;
    for (const other of links) other.removeAttribute("aria-current");
    link.setAttribute("aria-current", "location");
    nav.querySelectorAll(".present").forEach((chapter) => chapter.classList.remove("present"));
    link.closest(".chapter")?.classList.add("present");
    button.textContent = `Contents: ${link.textContent}`;
    const scroller = nav.scrollHeight > nav.clientHeight ? nav : list;
    const at = link.getBoundingClientRect();
    const box = scroller.getBoundingClientRect();
    if (at.top < box.top || at.bottom > box.bottom) scroller.scrollTop += at.top - box.top - box.height / 3;
  }

  function open(is) {
    button.setAttribute("aria-expanded", String(is));
    list.classList.toggle("open", is);
  }

  // What a link leads to is unfolded.
  function jump() {
    const part = document.getElementById(location.hash.slice(1));
    const details = part?.querySelector(":scope > details");
    if (details && !details.open) {
      details.open = true;
      part.scrollIntoView();
    }
    mark();
  }

  let observer = null;
  function observe() {
    observer?.disconnect();
    const rootMargin = `${4 - LINE}px 0px ${LINE + 4 - window.innerHeight}px 0px`;
    observer = new IntersectionObserver(mark, { rootMargin });
    parts.forEach((part) => observer.observe(part));
  }

  nav.classList.add("live");
  button.hidden = false;
  button.addEventListener("click", () => open(button.getAttribute("aria-expanded") === "false"));
  nav.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || button.getAttribute("aria-expanded") === "false") return;
    open(false);
    button.focus();
  });
  list.addEventListener("click", (event) => {
    if (event.target.closest("a")) open(false);
  });
  window.addEventListener("hashchange", jump);
  window.addEventListener("resize", observe);
  window.addEventListener("beforeprint", () => {
    document.querySelectorAll("details.part").forEach((part) => { part.open = true; });
  });
  new IntersectionObserver(mark, { threshold: 1 }).observe(footer);
  observe();
  jump();
}

// A part of the page keeps its images, the values of its cells, its boundaries and its long tables packed.
async function unpack(script) {
  const part = script.parentElement;
  const bytes = Uint8Array.from(atob(script.textContent), (letter) => letter.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
  const { images, cells, levels, tables } = await new Response(stream).json();
  part.querySelectorAll("img").forEach((image, k) => { image.src = `data:image/svg+xml,${encodeURIComponent(images[k])}`; });
  const map = part.querySelector(".map");
  if (levels) slide(part.querySelector(".levels"), map, levels, cells);
  if (map) bring(map, cells);
  part.querySelectorAll("details.long").forEach((details, k) => {
    const show = () => {
      if (details.open && tables[k]) details.lastElementChild.outerHTML = tables[k];
      if (details.open) tables[k] = null;
    };
    details.addEventListener("toggle", show);
    show();
  });
  script.remove();
}

// What comes near the window is unpacked, and the rest when there is time; a print needs all of it.
function bringPacked(scripts) {
  const waiting = new Map(scripts.map((script) => [script.parentElement, script]));
  let packed = scripts.length;
  const take = async (part) => {
    const script = waiting.get(part);
    if (!script) return;
    waiting.delete(part);
    near.unobserve(part);
    await unpack(script);
    packed -= 1;
  };
  const near = new IntersectionObserver(
    (entries) => entries.filter((entry) => entry.isIntersecting).forEach(({ target }) => take(target)),
    { rootMargin: "100% 0px" },
  );
  for (const part of waiting.keys()) near.observe(part);
  const later = window.requestIdleCallback ?? ((call) => setTimeout(call, 50));
  const next = async () => {
    if (!waiting.size) return;
    await take(waiting.keys().next().value);
    later(next);
  };
  later(next);
  window.addEventListener("beforeprint", () => {
    document.querySelector(".unfinished").hidden = packed === 0;
    [...waiting.keys()].forEach(take);
  });
}

document.querySelectorAll(".levels").forEach((levels) => { levels.hidden = false; });
bringPacked([...document.querySelectorAll("script.packed")]);
contents(document.querySelector("nav"));
