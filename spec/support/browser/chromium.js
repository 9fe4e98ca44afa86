// A person and their browser, for real: Chromium, through the provider's pages. $BROWSER of a few specs.
//   chromium.js URL          signs in as $WHO (default ada@contoso.com; nobody: presses Cancel)
//   chromium.js URL CODE     approves a device code
// ~/browser/ keeps a picture of the last page (page.png; dark.png) and its words (page.txt).
import { mkdirSync, writeFileSync } from 'node:fs';
import { chromium } from 'playwright-core';

const [url, code] = process.argv.slice(2);
const who = process.env.WHO ?? 'ada@contoso.com';
const folder = `${process.env.HOME}/browser`;
mkdirSync(folder, { recursive: true });

const browser = await chromium.launch({ executablePath: '/usr/bin/chromium', args: ['--no-sandbox'] });
try {
  const page = await browser.newPage({ viewport: { width: 800, height: 500 } });
  page.setDefaultTimeout(20000);
  await page.goto(url);
  if (code) {
    await page.locator('input[name=user_code]').fill(code);
    await page.getByRole('button', { name: 'Next' }).click();
    await page.getByRole('button', { name: 'Continue' }).click();
  }
  await page.getByLabel('User name').waitFor();
  if (who === 'nobody') {
    await page.getByRole('button', { name: 'Cancel' }).click();
  } else {
    await page.getByLabel('User name').fill(who);
    await page.getByLabel('Password').fill('secret');
    await page.getByRole('button', { name: 'Sign in' }).click();
  }
  await page.waitForURL(code ? /device/ : /^http:\/\/localhost:/);
  await page.screenshot({ path: `${folder}/page.png` });
  await page.emulateMedia({ colorScheme: 'dark' });
  await page.screenshot({ path: `${folder}/dark.png` });
  writeFileSync(`${folder}/page.txt`, await page.locator('body').innerText());
} catch (error) {
  writeFileSync(`${folder}/error.txt`, String(error));
} finally {
  await browser.close();
}
