// What a script of an attacker would try, were it not refused.
window.refused = [];
document.addEventListener('securitypolicyviolation', (event) => window.refused.push(event.effectiveDirective));
const script = document.createElement('script');
try { script.textContent = 'window.ran = 1'; } catch { window.refused.push('trusted-types'); }
document.body.append(script);
try { document.body.innerHTML += '<b>'; } catch { window.refused.push('trusted-types'); }
const image = new Image();
image.src = 'https://example.com/x.png';
document.body.append(image);
fetch('https://example.com/').catch(() => {});
document.body.setAttribute('style', 'color: red');
