"""The Scheduler: `service` makes Pending jobs Active and sends what they need. `new_jobs` are the
rows it begins with, `targets` where a job goes, `package_source` what is sent, `job_statuses` what
its rows come to.
"""
