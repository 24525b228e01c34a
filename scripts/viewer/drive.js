// A headless browser: node drive.js PLAYWRIGHT_DIRECTORY CHROMIUM FLAG...
// One JSON command per line on stdin, one JSON answer {"value"} or {"error"} per line on stdout; it ends with its stdin.
'use strict';

const readline = require('readline');
const {chromium} = require(process.argv[2]);

// Software WebGL, nothing asked of other hosts; Debian's Chromium as root needs --no-sandbox.
const FLAGS = ['--headless', '--no-sandbox', '--use-angle=swiftshader', '--enable-unsafe-swiftshader', '--disable-background-networking',
  '--disable-component-update', '--disable-sync', '--no-first-run', '--disable-quic'];
const COMMAND_MS = 240000;

let page, context, session, problems, used; // used: whether the tab is none for another page

async function anew(browser, viewport) {
  if (context) await context.close();
  context = await browser.newContext({viewport, acceptDownloads: true});
  context.setDefaultTimeout(COMMAND_MS);
  page = await context.newPage();
  session = await context.newCDPSession(page);
  problems = [];
  page.on('console', message => { if (['error', 'warning'].includes(message.type())) problems.push(`${message.type()}: ${message.text()}`); });
  page.on('pageerror', error => problems.push(`uncaught: ${error.message}`));
  page.on('crash', () => { used = true; });
}

const commands = {
  // One tab serves for many pages: a new one has all scripts of the page compiled anew.  What `before` has changed is given up.
  async open(browser, {url, width, height, before, reduced}) {
    if (!page || used || before) await anew(browser, {width, height});
    else page.once('framenavigated', () => { problems = []; });
    used = Boolean(before);
    await session.send('Network.clearBrowserCache');
    await page.setViewportSize({width, height});
    await page.emulateMedia({reducedMotion: reduced ? 'reduce' : 'no-preference'});
    if (before) await page.addInitScript(before);
    await page.goto(url);
    await page.evaluate(() => window.viewer && window.viewer.ready);
  },
  evaluate: (browser, {code}) => page.evaluate(code),
  async inside(browser, {code}) { // in the page within an iframe, which a notebook holds, once it is ready
    for (const end = Date.now() + COMMAND_MS; Date.now() < end; await new Promise(resolve => setTimeout(resolve, 200))) {
      for (const frame of page.frames().slice(1)) {
        if (!await frame.evaluate(() => Boolean(window.viewer)).catch(() => false)) continue;
        await frame.evaluate(() => window.viewer.ready);
        return frame.evaluate(code);
      }
    }
    throw new Error('no page of a model came in an iframe');
  },
  problems: () => problems,
  async drag(browser, {selector, strokes}) { // strokes: lists of [x, y], parts of the element's size
    const box = await page.locator(selector).boundingBox();
    const at = ([x, y]) => [box.x + x * box.width, box.y + y * box.height];
    for (const [first, ...rest] of strokes) {
      await page.mouse.move(...at(first));
      await page.mouse.down();
      for (const point of rest) await page.mouse.move(...at(point), {steps: 8});
      await page.mouse.up();
    }
  },
  async resize(browser, {width, height}) { // done when the page has drawn a frame of that size
    await page.setViewportSize({width, height});
    await page.evaluate(() => new Promise(resolve => requestAnimationFrame(() => requestAnimationFrame(() => requestAnimationFrame(resolve)))));
  },
  hover: (browser, {x, y}) => page.mouse.move(x, y),
  tap: (browser, {x, y}) => page.mouse.click(x, y),
  click: (browser, {selector}) => page.click(selector),
  press: (browser, {key}) => page.keyboard.press(key),
  upload: (browser, {selector, path}) => page.setInputFiles(selector, path),
  async download(browser, {selector, path}) {
    const [download] = await Promise.all([page.waitForEvent('download'), page.click(selector)]);
    await download.saveAs(path);
    return download.suggestedFilename();
  },
  screenshot: (browser, {path}) => page.screenshot({path, type: 'png'}).then(() => null),
};

(async () => {
  const browser = await chromium.launch({executablePath: process.argv[3], args: FLAGS.concat(process.argv.slice(4)), timeout: 120000});
  for await (const line of readline.createInterface({input: process.stdin})) {
    const {name, ...options} = JSON.parse(line);
    let answer;
    try {
      const value = await commands[name](browser, options);
      answer = {value: value === undefined ? null : value};
    } catch (error) {
      answer = {error: String(error && error.message || error)};
    }
    process.stdout.write(JSON.stringify(answer) + '\n');
  }
  await browser.close();
})().catch(error => {
  process.stdout.write(JSON.stringify({error: String(error && error.message || error).split('\n')[0]}) + '\n');
  process.exit(1);
});
