import { Route, Routes } from 'react-router'
import { DeadLetterPage } from '../features/dead-letters/DeadLetterPage'
import { DeadLettersPage } from '../features/dead-letters/DeadLettersPage'
import { GroupsPage } from '../features/dead-letters/GroupsPage'
import { DefinitionPage } from '../features/definitions/DefinitionPage'
import { DefinitionsPage } from '../features/definitions/DefinitionsPage'
import { HumanTaskPage } from '../features/inbox/HumanTaskPage'
import { InboxPage } from '../features/inbox/InboxPage'
import { RecoveriesPage } from '../features/recoveries/RecoveriesPage'
import { RunPage } from '../features/run/RunPage'
import { RunsPage } from '../features/runs/RunsPage'
import { StartPage } from '../features/start/StartPage'
import { SystemPage } from '../features/system/SystemPage'
import { WorkersPage } from '../features/workers/WorkersPage'
import { Nowhere } from './Nowhere'
import { Shell } from './Shell'

export function App() {
  return (
    <Routes>
      <Route element={<Shell />}>
        <Route index element={<RunsPage />} />
        <Route path="runs/:id" element={<RunPage />} />
        <Route path="start" element={<StartPage />} />
        <Route path="definitions" element={<DefinitionsPage />} />
        <Route path="definitions/:namespace/:name" element={<DefinitionPage />} />
        <Route path="dead-letters" element={<DeadLettersPage />} />
        <Route path="dead-letters/groups" element={<GroupsPage />} />
        <Route path="dead-letters/:id" element={<DeadLetterPage />} />
        <Route path="inbox" element={<InboxPage />} />
        <Route path="inbox/:id" element={<HumanTaskPage />} />
        <Route path="recoveries" element={<RecoveriesPage />} />
        <Route path="workers" element={<WorkersPage />} />
        <Route path="system" element={<SystemPage />} />
        <Route path="*" element={<Nowhere />} />
      </Route>
    </Routes>
  )
}
