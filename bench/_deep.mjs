import * as nabla from 'nabla'
import * as nn from 'nabla/nn'
import * as optim from 'nabla/optim'
nabla.setNumThreads(1)
const layers=[]; for(let i=0;i<200;i++) layers.push(new nn.Linear(32,32), new nn.ReLU())
const m=new nn.Sequential(...layers); const opt=new optim.Adam([...m.parameters()],{lr:1e-3})
const step=nabla.compile((x)=>{ const l=m.forward(x).square().mean(); l.backward(); opt.step(); opt.zeroGrad(); return l })
const x=nabla.randn([16,32]); 
for (let i=0;i<4;i++){ const a=performance.now(); step(x).item(); console.log(i,(performance.now()-a).toFixed(1)) }
